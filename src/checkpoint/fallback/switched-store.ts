// The page's store, and what takes its place where its database cannot be opened: the memory of
// this tab, or another database. The one that is set aside keeps all that it has.
import type { Backup } from "../archive/export-runs.ts";
import { promisifyRequest } from "idb-keyval";
import { DatabaseFault } from "../database/database-fault.ts";
import { StrictStore } from "../database/strict-store.ts";
import { withTimeout } from "../database/timeout.ts";
import type { MirrorSlots } from "../mirror/mirror.ts";
import { openStore, type CheckpointStore, type StoreOptions } from "../store.ts";
import type { VerifyOptions } from "../verify.ts";
import { memoryValues } from "./memory-values.ts";

/** What a page can do where its saved runs cannot be opened. */
export interface StoreFallback {
  /** Saves go to the memory of this tab from now on. */
  useMemory(): void;
  /** All that can be read of the database; null for nothing. */
  readable(options?: VerifyOptions): Promise<Backup | null>;
  /** Begins an empty database; the one before stays as it is, unused. */
  setAside(): Promise<void>;
  /**
   * Deletes the database and begins an empty one.
   * @throws UserError "busy" while another tab holds it
   */
  deleteDatabase(): Promise<void>;
  /** Names of the databases that were set aside, the oldest first. */
  listAside(): Promise<string[]>;
  /**
   * Deletes one of them; one that is gone or in use stays as it is.
   * @throws UserError "busy" while another tab holds it
   */
  deleteAside(name: string): Promise<void>;
}

const deleteTimeoutMs = 5000;

/**
 * A store that can be replaced under those who hold it.
 * @param baseName of the first database; the one that took its place is `<baseName>-2`, and so on
 */
export function openSwitchedStore(
  baseName: string,
  options: StoreOptions = {},
): { store: CheckpointStore; fallback: StoreFallback } {
  let name = baseName;
  let current = openStore(name, options);
  const use = async (next: string) => {
    await current.close().catch(() => undefined); // it could not be opened
    name = next;
    current = openStore(name, options);
  };
  const store = new Proxy({} as CheckpointStore, {
    get(_, method: keyof CheckpointStore) {
      if (method !== "open") {
        return Reflect.get(current, method) as unknown;
      }
      return async () => {
        const newest = (await namesOf(baseName)).at(-1) ?? baseName;
        await (newest === name || use(newest));
        return await current.open();
      };
    },
  });
  const listAside = async () => (await namesOf(baseName)).slice(0, -1);
  return {
    store,
    fallback: {
      useMemory() {
        const database = {
          use: memoryValues(),
          dataLossMessage: null,
          close: () => Promise.resolve(),
        };
        current = openStore(`${baseName} in memory`, { database, mirrorSlots: memorySlots() });
      },
      readable: (verifyOptions) => readableOf(name, options, verifyOptions),
      async setAside() {
        const before = name;
        await use(nextName(baseName, (await namesOf(baseName)).at(-1) ?? baseName));
        try {
          await current.listCheckpoints(); // it must exist, so that the next page finds it
        } catch (error) {
          await use(before);
          throw error;
        }
      },
      async deleteDatabase() {
        await current.close().catch(() => undefined);
        await remove(name);
        await use(name);
        await current.dismissDataLosses(); // the person wanted them gone
      },
      listAside,
      async deleteAside(aside) {
        if ((await listAside()).includes(aside)) {
          await remove(aside);
        }
      },
    },
  };
}

async function remove(name: string): Promise<void> {
  const deleting = promisifyRequest(indexedDB.deleteDatabase(name));
  await withTimeout(deleting, deleteTimeoutMs, () => true);
}

/** `anneal` is followed by `anneal-2`. */
function nextName(baseName: string, newest: string): string {
  return `${baseName}-${numberOf(newest, baseName) + 1}`;
}

function numberOf(name: string, baseName: string): number {
  const suffix = name.startsWith(`${baseName}-`) ? name.slice(baseName.length + 1) : "";
  return name === baseName ? 1 : /^[1-9]\d{0,5}$/.test(suffix) ? Number(suffix) : 0;
}

/** The page's databases, the newest last. Empty where the browser does not list any. */
async function namesOf(baseName: string): Promise<string[]> {
  const listed = await indexedDB.databases().catch(() => []);
  return listed
    .map(({ name = "" }) => name)
    .filter((name) => numberOf(name, baseName) > 0)
    .sort((a, b) => numberOf(a, baseName) - numberOf(b, baseName));
}

async function readableOf(
  name: string,
  options: StoreOptions,
  verifyOptions?: VerifyOptions,
): Promise<Backup | null> {
  const database = new StrictStore(name, options.timeouts, "any");
  try {
    const backup = await openStore(name, { ...options, database }).exportAll(verifyOptions);
    return backup.files > 0 ? backup : null;
  } catch (error) {
    if (error instanceof DatabaseFault) {
      return null;
    }
    throw error;
  }
}

function memorySlots(): MirrorSlots {
  const contents: [string | null, string | null] = [null, null];
  return {
    read: (slot) => Promise.resolve(contents[slot]),
    write(slot, content) {
      contents[slot] = content;
      return Promise.resolve();
    },
  };
}
