// A tab's worker as the tests need it: it loads and stores models, one task after the other, until
// it is terminated.
import { cacheKey, openCache } from "../../../src/sources/cache/cache.ts";
import { deleteDownloads, download } from "../../../src/sources/hub/download.ts";
import { openHub } from "../../../src/sources/hub/hub.ts";
import { parseHubName } from "../../../src/sources/hub/hub-name.ts";
import { openStorage } from "../../../src/sources/storage/private-files.ts";
import { sha256Hex } from "../../../src/util/bytes.ts";
import { toPlain } from "../../../src/util/errors.ts";

const never = new AbortController().signal;
const sizes = { windowBytes: 256 * 1024, connections: 4 };
const description = { source: "hub", revision: null, licence: null, format: "q4" };

async function storage() {
  const root = await openStorage();
  if (root === null) {
    throw new Error("This browser has no storage for files.");
  }
  return root;
}

const keyOf = (name: string) => cacheKey(["test", name]);

/** Models that this worker holds open, by name. */
const closers: (() => Promise<void>)[] = [];

const tasks = {
  /** @returns SHA-256 of what was stored */
  async download({ endpoint, name, token }: { endpoint: string; name: string; token?: string }) {
    const model = await openHub(
      parseHubName(name),
      {
        endpoint,
        retryLimits: { tries: 3, firstWaitMs: 1, longestWaitMs: 5 },
        token: token ?? null,
      },
      never,
    );
    const file = model.files.get("model.safetensors");
    if (file === undefined) {
      throw new Error("The file is missing.");
    }
    const progress = (doneBytes: number) => {
      tell({ progress: doneBytes });
    };
    const stored = await download(file, await storage(), { ...sizes, progress }, never);
    closers.push(stored.close);
    return await sha256Hex(await stored.read(0, stored.sizeBytes));
  },

  async deleteDownloads() {
    return await deleteDownloads(await storage());
  },

  /** Stores `pieces` times so many random bytes. */
  async store({ name, pieces, pieceBytes }: { name: string; pieces: number; pieceBytes: number }) {
    const cache = await openCache(await storage());
    const writer = await cache.create(await keyOf(name), { ...description, name });
    await writer.text("config.json", "{}");
    for (let i = 0; i < pieces; i++) {
      await writer.write(`tensor-${i}`, randomBytes(pieceBytes));
      tell({ progress: i + 1 });
    }
    await writer.commit();
  },

  async list() {
    return (await (await openCache(await storage())).list()).map(({ name }) => name).toSorted();
  },

  /** Opens and verifies; the model stays open. */
  async open({ name }: { name: string }) {
    const reader = await (await openCache(await storage())).open(await keyOf(name));
    closers.push(reader.close);
    await reader.verify(() => undefined, never);
    return reader.blobs.size;
  },

  async closeAll() {
    for (const close of closers.splice(0)) {
      await close();
    }
  },

  async delete({ name }: { name: string }) {
    await (await openCache(await storage())).delete(await keyOf(name));
  },

  /** Flips a bit of the model's data. */
  async damage({ name, at }: { name: string; at: number }) {
    const models = await (await storage()).getDirectoryHandle("models");
    const folder = await models.getDirectoryHandle(await keyOf(name));
    const data = await (await folder.getFileHandle("data")).createSyncAccessHandle();
    const byte = new Uint8Array(1);
    data.read(byte, { at });
    data.write(Uint8Array.of((byte[0] ?? 0) ^ 1), { at });
    data.close();
  },

  async usage() {
    return (await navigator.storage.estimate()).usage;
  },
};

export type Tasks = typeof tasks;

function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

function tell(message: object): void {
  postMessage(message);
}

addEventListener("message", ({ data }: MessageEvent<{ task: keyof Tasks; options: never }>) => {
  void (async (): Promise<unknown> => await tasks[data.task](data.options))().then(
    (value: unknown) => {
      tell({ value });
    },
    (error: unknown) => {
      tell({ error: toPlain(error) });
    },
  );
});

tell({ isReady: true });
