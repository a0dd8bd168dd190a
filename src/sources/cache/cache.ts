// Converted models in the page's own storage: the second start and every rebuild of a device read
// from here.
import { invariant } from "../../util/assert.ts";
import { sha256Hex } from "../../util/bytes.ts";
import { UserError } from "../../util/errors.ts";
import {
  lockOf,
  noteUse,
  readData,
  readLastUsed,
  readManifest,
  removeModel,
} from "./cache-folder.ts";
import type { CacheManifest, ModelDescription } from "./cache-manifest.ts";
import { damagedModel, openReader, type CacheReader } from "./cache-reader.ts";
import { openWriter, type CacheWriter } from "./cache-writer.ts";
import { lockOrRefuse, tryLock } from "../storage/file-lock.ts";
import { isMissing, type StorageFolder } from "../storage/private-files.ts";

export interface CachedModel extends ModelDescription {
  readonly key: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly lastUsedAt: number;
}

export interface ModelCache {
  /** Most recently used first. */
  list(): Promise<CachedModel[]>;
  find(key: string): Promise<CachedModel | null>;
  /**
   * Begins to store a model in place of any that has this key.
   * @throws UserError "busy" while a tab has it open; "quota"
   */
  create(key: string, description: ModelDescription): Promise<CacheWriter>;
  /**
   * Opens a stored model; no tab can delete it until it is closed.
   * @throws UserError "missing-file" when there is none, "damaged-file", "busy" while a tab stores
   * it
   */
  open(key: string): Promise<CacheReader>;
  /** @throws UserError "busy" while a tab has it open */
  delete(key: string): Promise<void>;
  /**
   * Bytes of all stored models, and of everything that this site stores where the browser says so.
   */
  usage(): Promise<{ modelsBytes: number; siteBytes: number | null }>;
}

const folderName = "models";

/**
 * A key for everything that decides what the stored bytes are: source, revision, format, version of
 * the encoding.
 */
export async function cacheKey(parts: readonly (string | number | null)[]): Promise<string> {
  return await sha256Hex(new TextEncoder().encode(JSON.stringify(parts)));
}

/** Opens the store and clears away what stores that never ended have left. */
export async function openCache(root: StorageFolder): Promise<ModelCache> {
  const models = await root.getDirectoryHandle(folderName, { create: true });
  /** Of pieces found sound since the page was opened, by key and time of storing. */
  const verified = new Map<string, Set<number>>();
  await sweep(models);

  async function find(key: string): Promise<Found | null> {
    try {
      const folder = await models.getDirectoryHandle(key);
      const manifest = await readManifest(folder);
      return typeof manifest === "string" ? null : { key, folder, manifest };
    } catch (error) {
      if (isMissing(error)) {
        return null;
      }
      throw error;
    }
  }

  async function list(): Promise<CachedModel[]> {
    const found = await Promise.all((await keysOf(models)).map(find));
    const all = await Promise.all(found.filter((entry) => entry !== null).map(modelOf));
    return all.toSorted((a, b) => b.lastUsedAt - a.lastUsedAt);
  }

  return {
    list,
    async find(key) {
      const found = await find(key);
      return found === null ? null : await modelOf(found);
    },
    async create(key, description) {
      invariant(/^[0-9a-f]{64}$/.test(key), "A key comes from cacheKey.");
      const release = await lockOrRefuse(
        lockOf(key),
        "exclusive",
        "Another tab stores or uses this model.",
      );
      return await openWriter(models, key, description, release);
    },
    async open(key) {
      const release = await lockOrRefuse(lockOf(key), "shared", "Another tab stores this model.");
      try {
        const { folder, manifest } = (await find(key)) ?? missing(key);
        const data = await readData(folder);
        if (data?.size !== manifest.dataBytes) {
          throw damagedModel(
            manifest.name,
            `${data?.size ?? 0} of its ${manifest.dataBytes} bytes are left.`,
          );
        }
        await noteUse(folder, Date.now());
        const id = `${key}/${manifest.createdAt}`;
        const sound = verified.get(id) ?? new Set();
        verified.set(id, sound);
        return openReader(manifest, data, sound, release);
      } catch (error) {
        await release();
        throw error;
      }
    },
    async delete(key) {
      const release = await lockOrRefuse(lockOf(key), "exclusive", "A tab uses this model.");
      try {
        await removeModel(models, key);
      } finally {
        await release();
      }
    },
    async usage() {
      const modelsBytes = (await list()).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      const { navigator } = globalThis as { navigator?: { storage?: StorageManager } };
      const estimate = await navigator?.storage?.estimate();
      return { modelsBytes, siteBytes: estimate?.usage ?? null };
    },
  };
}

interface Found {
  key: string;
  folder: StorageFolder;
  manifest: CacheManifest;
}

async function modelOf({ key, folder, manifest }: Found): Promise<CachedModel> {
  const { name, source, revision, licence, format, createdAt, dataBytes } = manifest;
  const lastUsedAt = (await readLastUsed(folder)) ?? createdAt;
  return {
    key,
    name,
    source,
    revision,
    licence,
    format,
    createdAt,
    lastUsedAt,
    sizeBytes: dataBytes,
  };
}

/** Deletes folders without a sound manifest, unless a tab is just filling them. */
async function sweep(models: StorageFolder): Promise<void> {
  for (const key of await keysOf(models)) {
    const release = await tryLock(lockOf(key), "exclusive");
    if (release !== null) {
      // A folder that cannot be cleared away now can be the next time: it is no reason to go
      // without the others.
      await clearAway(models, key).catch(() => undefined);
      await release();
    }
  }
}

async function clearAway(models: StorageFolder, key: string): Promise<void> {
  const manifest = await readManifest(await models.getDirectoryHandle(key));
  if (manifest === "missing" || manifest === "damaged") {
    await removeModel(models, key);
  }
}

async function keysOf(models: StorageFolder): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of models.keys()) {
    keys.push(key);
  }
  return keys;
}

function missing(key: string): never {
  throw new UserError("missing-file", "This model is not stored.", {
    where: key,
    remedy: "Load it from its source again.",
  });
}
