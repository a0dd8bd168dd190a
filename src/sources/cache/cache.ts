// Converted models in the page's own storage: the second start and every rebuild of a device read
// from here.
import { invariant } from "../../util/assert.ts";
import { bestEffort } from "../../util/best-effort.ts";
import { sha256Hex } from "../../util/bytes.ts";
import { UserError } from "../../util/errors.ts";
import {
  lockOf,
  noteUse,
  readData,
  readHubName,
  readLastUsed,
  readManifest,
  removeModel,
  writeHubName,
} from "./cache-folder.ts";
import type { CacheManifest, ModelDescription } from "./cache-manifest.ts";
import { CacheReader, damagedModel } from "./cache-reader.ts";
import { CacheWriter } from "./cache-writer.ts";
import { lockOrRefuse, tryLock } from "../storage/file-lock.ts";
import { isMissing, makeFolder, type StorageFolder } from "../storage/private-files.ts";

export interface CachedModel extends ModelDescription {
  readonly key: string;
  readonly sizeBytes: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly lastUsedAt: number;
  /** Which model on the Hub a person says that it is; null for none, undefined when not said. */
  readonly hubName: string | null | undefined;
}

const folderName = "models";

/**
 * The key of everything that determines the stored bytes: source, revision, format, version of the
 * encoding.
 */
export async function cacheKey(parts: readonly (string | number | null)[]): Promise<string> {
  return await sha256Hex(new TextEncoder().encode(JSON.stringify(parts)));
}

/** Opens the cache and deletes what unfinished writers have left. */
export async function openCache(root: StorageFolder): Promise<ModelCache> {
  const models = await makeFolder(root, folderName);
  await sweep(models);
  return new ModelCache(models);
}

interface StoredModel {
  key: string;
  folder: StorageFolder;
  manifest: CacheManifest;
}

export class ModelCache {
  readonly #models: StorageFolder;
  /**
   * First bytes of pieces that passed their hash since the page opened, by key and creation time.
   */
  readonly #verified = new Map<string, Set<number>>();

  /** @param models the folder with one folder for each model */
  constructor(models: StorageFolder) {
    this.#models = models;
  }

  /** Whether the browser has emptied its storage since: nothing can be stored here any more. */
  async isGone(): Promise<boolean> {
    try {
      await keysOf(this.#models);
      return false;
    } catch (error) {
      if (isMissing(error)) {
        return true;
      }
      throw error;
    }
  }

  /** All models, the most recently used first. */
  async list(): Promise<CachedModel[]> {
    const keys = await keysOf(this.#models);
    const stored = await Promise.all(keys.map((key) => this.#find(key)));
    const all = await Promise.all(stored.filter((model) => model !== null).map(describe));
    return all.toSorted((a, b) => b.lastUsedAt - a.lastUsedAt);
  }

  async find(key: string): Promise<CachedModel | null> {
    const stored = await this.#find(key);
    return stored === null ? null : await describe(stored);
  }

  /** Notes which model on the Hub a stored model is; one that is not stored is left alone. */
  async noteHubName(key: string, name: string | null): Promise<void> {
    const stored = await this.#find(key);
    if (stored !== null) {
      await writeHubName(stored.folder, name);
    }
  }

  /**
   * Begins to store a model in place of any with this key.
   * @throws UserError "busy" while a tab has it open; "quota"
   */
  async create(key: string, description: ModelDescription): Promise<CacheWriter> {
    invariant(/^[0-9a-f]{64}$/.test(key), "A key comes from cacheKey.");
    const reason = "Another tab stores or uses this model.";
    const release = await lockOrRefuse(lockOf(key), "exclusive", reason);
    return await CacheWriter.create(this.#models, key, description, release);
  }

  /**
   * Opens a stored model; no tab can delete it until the reader is closed.
   * @throws UserError "missing-file" when there is none, "damaged-file", "busy" while a tab stores
   *   it
   */
  async open(key: string): Promise<CacheReader> {
    const release = await lockOrRefuse(lockOf(key), "shared", "Another tab stores this model.");
    try {
      const { folder, manifest } = (await this.#find(key)) ?? missing(key);
      const data = await readData(folder);
      if (data?.size !== manifest.dataBytes) {
        const reason = `${data?.size ?? 0} of its ${manifest.dataBytes} bytes are left.`;
        throw damagedModel(manifest.name, reason);
      }
      await noteUse(folder, Date.now());
      const verified = this.#verifiedOf(`${key}/${manifest.createdAt}`);
      const isGone = async () =>
        (await this.#find(key)) === null || (await readData(folder)) === null;
      return new CacheReader(manifest, data, verified, release, isGone);
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** @throws UserError "busy" while a tab has it open */
  async delete(key: string): Promise<void> {
    const release = await lockOrRefuse(lockOf(key), "exclusive", "A tab uses this model.");
    try {
      await removeModel(this.#models, key);
    } finally {
      await release();
    }
  }

  /**
   * Bytes of all stored models, and of everything this site stores where the browser reports it.
   */
  async usage(): Promise<{ modelsBytes: number; siteBytes: number | null }> {
    const modelsBytes = (await this.list()).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const { navigator } = globalThis as { navigator?: { storage?: StorageManager } };
    const estimate = await navigator?.storage?.estimate();
    return { modelsBytes, siteBytes: estimate?.usage ?? null };
  }

  async #find(key: string): Promise<StoredModel | null> {
    try {
      const folder = await this.#models.getDirectoryHandle(key);
      const manifest = await readManifest(folder);
      return typeof manifest === "string" ? null : { key, folder, manifest };
    } catch (error) {
      if (isMissing(error)) {
        return null;
      }
      throw error;
    }
  }

  #verifiedOf(id: string): Set<number> {
    const verified = this.#verified.get(id) ?? new Set();
    this.#verified.set(id, verified);
    return verified;
  }
}

async function describe({ key, folder, manifest }: StoredModel): Promise<CachedModel> {
  const { name, source, revision, licence, format, createdAt, dataBytes } = manifest;
  const lastUsedAt = (await readLastUsed(folder)) ?? createdAt;
  const hubName = await readHubName(folder);
  return {
    key,
    name,
    source,
    revision,
    licence,
    format,
    createdAt,
    lastUsedAt,
    hubName,
    sizeBytes: dataBytes,
  };
}

/** Deletes folders without a sound manifest, except those that a tab is writing. */
async function sweep(models: StorageFolder): Promise<void> {
  for (const key of await keysOf(models)) {
    const release = await tryLock(lockOf(key), "exclusive");
    if (release !== null) {
      await bestEffort("the next opening sweeps it again", removeUnfinished(models, key));
      await release();
    }
  }
}

async function removeUnfinished(models: StorageFolder, key: string): Promise<void> {
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
