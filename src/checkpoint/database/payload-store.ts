// Stores payloads with manifests in one IndexedDB database. A payload exists once its manifest is
// durable. Chunks without a manifest are what a killed save has left; the next save collects them.
import { get, getMany, keys, promisifyRequest, type UseStore } from "idb-keyval";
import { bestEffort } from "../../util/best-effort.ts";
import { fullStorage } from "../../sources/storage/full-storage.ts";
import {
  isPiece,
  keysOfChunks,
  payloadOfChunk,
  readChunk,
  readChunks,
  type Chunk,
  type ChunkRecord,
} from "./chunks.ts";
import { reach, reachInTransaction } from "./kill-points.ts";
import {
  idOfManifest,
  manifestKey,
  decodeManifest,
  encodeManifest,
  type Manifest,
  type DecodedManifest,
} from "./manifest.ts";
import type { Mirror } from "../mirror/mirror.ts";
import { ConnectionLost, databaseErrorOf, DatabaseFull } from "./database-fault.ts";
import type { WriteLock } from "./write-lock.ts";
import type { CheckpointManifest } from "./manifest.ts";
import { writeChunks, type PayloadSource } from "./write-chunks.ts";

/** The context of every function on stored payloads. */
export interface PayloadStore {
  readonly use: UseStore;
  /** Required to write or delete: the chunks of a save in progress look like garbage. */
  readonly lock: WriteLock;
  /** Size of a chunk; the last one is smaller. */
  readonly chunkBytes: number;
  /** The record of the newest checkpoints, outside of the database. */
  readonly mirror: Mirror;
  /** Payloads that were read back and verified since the store was opened. */
  readonly verifiedIds: Set<string>;
  /** Held-out losses before the first step that were read from files of earlier versions, by id. */
  readonly startLosses: Map<string, number | null>;
}

/** A manifest and its id, which is the id of its chunks as well. */
export interface Entry<M extends Manifest = Manifest> {
  id: string;
  manifest: M;
}

/**
 * Stores a payload: chunks first, each in its own transaction, the manifest last. A failed save
 * deletes its chunks and changes nothing else. A save that loses its connection is tried once more
 * with the database that the browser opens then.
 * @throws UserError "quota" when the browser's storage is full; the signal's AbortError
 */
export async function writePayload<M extends Manifest>(
  source: PayloadSource,
  describe: (chunks: ChunkRecord[]) => M,
  store: PayloadStore,
  signal?: AbortSignal,
): Promise<Entry<M>> {
  return await onceMore(() => tryToWrite(source, describe, store, signal));
}

/** Work that is done once more where the browser closed the database meanwhile. */
export async function onceMore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConnectionLost)) {
      throw error;
    }
    return await work();
  }
}

async function tryToWrite<M extends Manifest>(
  source: PayloadSource,
  describe: (chunks: ChunkRecord[]) => M,
  store: PayloadStore,
  signal: AbortSignal | undefined,
): Promise<Entry<M>> {
  const id = crypto.randomUUID();
  const { use } = store;
  const made = [manifestKey(id)];
  const onNew = (key: string) => made.push(key);
  try {
    const manifest = describe(await writeChunks(source, id, store, onNew, signal));
    await reach?.("before-manifest");
    await putManifest({ id, manifest }, use);
    await reach?.("after-manifest");
    return { id, manifest };
  } catch (error) {
    await bestEffort("the next save collects the chunks", deleteKeys(made, use));
    throw await storageFault(error, source.sizeBytes);
  }
}

/**
 * Writes or replaces the manifest of stored chunks. The same transaction looks for the chunks: the
 * database may have been deleted and created again since the first of them was stored.
 * @throws ConnectionLost when a chunk is missing
 */
export async function putManifest({ id, manifest }: Entry, use: UseStore): Promise<void> {
  const encoded = await encodeManifest(manifest);
  await putEncodedManifest(id, encoded, keysOfChunks(id, manifest.chunks), use);
}

/** As {@link putManifest}, for an encoded manifest. @param needed the keys of its chunks */
export async function putEncodedManifest(
  id: string,
  encoded: string,
  needed: readonly string[],
  use: UseStore,
): Promise<void> {
  let fault: unknown;
  const abort = (values: IDBObjectStore, reason: unknown) => {
    fault = reason;
    values.transaction.abort();
  };
  try {
    await use("readwrite", (values) => {
      const present = values.getAllKeys();
      present.onsuccess = () => {
        const there = new Set<IDBValidKey>(present.result);
        const missing = needed.filter((key) => !there.has(key)).length;
        if (missing > 0) {
          abort(values, new ConnectionLost(`${missing} of ${needed.length} pieces are missing`));
          return;
        }
        try {
          values.put(encoded, manifestKey(id)).onsuccess = () => {
            reachInTransaction?.("in-manifest");
          };
        } catch (error) {
          abort(values, error);
        }
      };
      return promisifyRequest(values.transaction);
    });
  } catch (error) {
    throw fault === undefined ? error : databaseErrorOf(fault);
  }
}

/**
 * The bytes of a payload, verified.
 * @throws UserError "bad-checkpoint" when a chunk is missing or damaged; the signal's AbortError
 */
export function readPayload(
  { id, manifest }: Entry,
  { use }: PayloadStore,
  signal?: AbortSignal,
): Promise<Blob> {
  return readChunks(id, manifest.chunks, use, signal);
}

/** `unreadable`: the browser failed to read the bytes, which can be temporary. */
export type PayloadState = Chunk["state"];

/** The state of the first chunk that is not sound, else `sound`; one chunk in memory at a time. */
export async function stateOfPayload(
  { id, manifest }: Entry,
  { use }: PayloadStore,
  signal?: AbortSignal,
): Promise<PayloadState> {
  for (const [i, expected] of manifest.chunks.entries()) {
    signal?.throwIfAborted();
    const { state } = await readChunk(id, i, expected, use);
    if (state !== "sound") {
      return state;
    }
  }
  return "sound";
}

/** The manifest of an id; `missing` when there is none. */
export async function findManifest(
  id: string,
  { use }: PayloadStore,
): Promise<DecodedManifest | "missing"> {
  const value = await get<unknown>(manifestKey(id), use);
  return value === undefined ? "missing" : decodeManifest(value);
}

/** Every sound manifest; damaged ones are left out. */
export async function listEntries({ use }: PayloadStore): Promise<Entry[]> {
  return soundEntries(await readManifests(await storedKeys(use), use));
}

/**
 * Deletes damaged manifests, chunks and pieces of no manifest, and the payloads that `garbageOf`
 * returns, in one transaction. Requires the write lock.
 */
export async function collectGarbage(
  { use }: PayloadStore,
  garbageOf: (all: readonly Entry[]) => readonly Entry[],
): Promise<void> {
  const present = await storedKeys(use);
  const opened = await readManifests(present, use);
  const dropped = new Set(garbageOf(soundEntries(opened)).map(({ id }) => id));
  const garbage = keysWithoutUse(
    present,
    opened.filter(({ id }) => !dropped.has(id)),
  );
  if (garbage.length > 0) {
    await deleteKeys(garbage, use);
  }
}

/** The keys that no manifest needs, those of damaged manifests included. */
export function keysWithoutUse(
  present: readonly string[],
  opened: readonly StoredManifest[],
): string[] {
  const kept = opened.filter(({ manifest }) => manifest !== "damaged");
  const ids = new Set(kept.map(({ id }) => id));
  const pieces = new Set(
    soundEntries(kept).flatMap(({ id, manifest }) => keysOfChunks(id, manifest.chunks)),
  );
  // A newer version's manifest does not say which pieces it needs.
  const isForeign = kept.some(({ manifest }) => manifest === "foreign");
  return present.filter((key) => {
    const owner = idOfManifest(key) ?? payloadOfChunk(key);
    return owner === null ? isPiece(key) && !isForeign && !pieces.has(key) : !ids.has(owner);
  });
}

/** Deletes all keys or none. */
function deleteKeys(garbage: readonly string[], use: UseStore): Promise<void> {
  return use("readwrite", (values) => {
    const requests = garbage.map((key) => values.delete(key));
    requests.at(-1)?.addEventListener("success", () => {
      reachInTransaction?.("in-delete");
    });
    return promisifyRequest(values.transaction);
  });
}

/** Every key in the database. */
export async function storedKeys(use: UseStore): Promise<string[]> {
  return (await keys(use)).filter((key) => typeof key === "string");
}

/** A stored manifest, sound or not. */
export interface StoredManifest {
  id: string;
  manifest: DecodedManifest;
}

/** The manifests among the keys. */
export async function readManifests(
  present: readonly string[],
  use: UseStore,
): Promise<StoredManifest[]> {
  const ids = present.map(idOfManifest).filter((id) => id !== null);
  const values = await getMany<unknown>(ids.map(manifestKey), use);
  return Promise.all(ids.map(async (id, i) => ({ id, manifest: await decodeManifest(values[i]) })));
}

/** The entries whose manifest is sound. */
export function soundEntries(opened: readonly StoredManifest[]): Entry[] {
  return opened.flatMap(({ id, manifest }) =>
    typeof manifest === "string" ? [] : [{ id, manifest }],
  );
}

/** A full disk as a UserError with the numbers; any other error unchanged. */
export async function storageFault(error: unknown, neededBytes: number): Promise<unknown> {
  return error instanceof DatabaseFull ? await fullStorage(neededBytes, error) : error;
}

export type SavedRun = Entry<CheckpointManifest>;
