// Payloads with manifests in one IndexedDB database. A payload exists from the moment its manifest is durable;
// chunks without one are what a killed save left behind, and are collected after the next save.
import { delMany, get, getMany, keys, set, type UseStore } from "idb-keyval";
import { UserError } from "../util/errors.ts";
import { formatBytes } from "../util/format.ts";
import { chunkKey, payloadOfChunk, readChunks, writeChunks, type ChunkRecord } from "./chunks.ts";
import {
  idOfManifest,
  manifestKey,
  openManifest,
  sealManifest,
  type Manifest,
  type OpenedManifest,
} from "./manifest.ts";
import type { WriteLock } from "./write-lock.ts";

/** What every function on stored payloads works with. */
export interface PayloadStore {
  readonly use: UseStore;
  /** Whoever writes or deletes holds it: the chunks of a save in progress look like garbage. */
  readonly lock: WriteLock;
  /** Size of the pieces. */
  readonly chunkBytes: number;
}

/** A manifest and its id, which is the id of its chunks as well. */
export interface Entry<M extends Manifest = Manifest> {
  id: string;
  manifest: M;
}

/**
 * Stores a payload: chunks first, each in its own transaction, the manifest last.
 * A failed save takes its chunks away again and touches nothing else.
 * @throws UserError "quota" when the browser's storage is full; the signal's AbortError
 */
export async function writePayload<M extends Manifest>(
  source: Uint8Array | Blob,
  describe: (chunks: ChunkRecord[]) => M,
  { use, chunkBytes }: PayloadStore,
  signal?: AbortSignal,
): Promise<Entry<M>> {
  const id = crypto.randomUUID();
  const sizeBytes = source instanceof Blob ? source.size : source.length;
  try {
    const manifest = describe(await writeChunks(source, id, chunkBytes, use, signal));
    await set(manifestKey(id), await sealManifest(manifest), use);
    return { id, manifest };
  } catch (error) {
    // If this fails too, the next save collects the chunks; the first error is the one to tell.
    await deletePayload(id, Math.ceil(sizeBytes / chunkBytes), use).catch(() => undefined);
    throw storageFault(error, sizeBytes);
  }
}

/**
 * The bytes again, verified.
 * @throws UserError "bad-checkpoint" when a chunk is missing or damaged; the signal's AbortError
 */
export function readPayload(
  { id, manifest }: Entry,
  { use }: PayloadStore,
  signal?: AbortSignal,
): Promise<Blob> {
  return readChunks(id, manifest.chunks, use, signal);
}

/** The manifest of an id; `missing` when there is none. */
export async function findManifest(
  id: string,
  { use }: PayloadStore,
): Promise<OpenedManifest | "missing"> {
  const value = await get<unknown>(manifestKey(id), use);
  return value === undefined ? "missing" : openManifest(value);
}

/** Every sound manifest; one that fails its hash counts as not there. */
export async function listEntries({ use }: PayloadStore): Promise<Entry[]> {
  return soundOf(await openAll(await storedKeys(use), use));
}

/**
 * Deletes in one transaction: damaged manifests, chunks that no manifest owns, and the payloads named garbage.
 * To be called under the write lock.
 */
export async function collectGarbage(
  { use }: PayloadStore,
  garbageOf: (all: readonly Entry[]) => readonly Entry[],
): Promise<void> {
  const present = await storedKeys(use);
  const opened = await openAll(present, use);
  const dropped = new Set(garbageOf(soundOf(opened)).map(({ id }) => id));
  const kept = new Set(
    opened
      .filter(({ id, manifest }) => manifest !== "damaged" && !dropped.has(id))
      .map(({ id }) => id),
  );
  const garbage = present.filter((key) => {
    const owner = idOfManifest(key) ?? payloadOfChunk(key);
    return owner !== null && !kept.has(owner);
  });
  if (garbage.length > 0) {
    await delMany(garbage, use);
  }
}

async function deletePayload(id: string, chunkCount: number, use: UseStore): Promise<void> {
  const chunkKeys = Array.from({ length: chunkCount }, (_, i) => chunkKey(id, i));
  await delMany([manifestKey(id), ...chunkKeys], use);
}

async function storedKeys(use: UseStore): Promise<string[]> {
  return (await keys(use)).filter((key) => typeof key === "string");
}

interface Opened {
  id: string;
  manifest: OpenedManifest;
}

async function openAll(present: readonly string[], use: UseStore): Promise<Opened[]> {
  const ids = present.map(idOfManifest).filter((id) => id !== null);
  const values = await getMany<unknown>(ids.map(manifestKey), use);
  return Promise.all(ids.map(async (id, i) => ({ id, manifest: await openManifest(values[i]) })));
}

function soundOf(opened: readonly Opened[]): Entry[] {
  return opened.flatMap(({ id, manifest }) =>
    typeof manifest === "string" ? [] : [{ id, manifest }],
  );
}

/** A full disk as a UserError; anything else as it is. */
function storageFault(error: unknown, neededBytes: number): unknown {
  if (!(error instanceof Error && error.name === "QuotaExceededError")) {
    return error;
  }
  return new UserError(
    "quota",
    `The browser's storage is full: saving this needs ${formatBytes(neededBytes)}.`,
    {
      remedy: "Delete older checkpoints, or free space on the disk; then save again.",
      cause: error,
    },
  );
}
