// Payloads with manifests in one IndexedDB database. A payload exists from the moment its manifest
// is durable; chunks without one are what a killed save left behind, and are collected after the
// next save.
import { get, getMany, keys, promisifyRequest, type UseStore } from "idb-keyval";
import type { ByteSource } from "../../formats/byte-source.ts";
import { UserError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";
import {
  chunkKey,
  payloadOfChunk,
  readChunk,
  readChunks,
  writeChunks,
  type Chunk,
  type ChunkRecord,
} from "./chunks.ts";
import { hasKillPoints, reach, reachInTransaction } from "./kill-points.ts";
import {
  idOfManifest,
  manifestKey,
  decodeManifest,
  encodeManifest,
  type Manifest,
  type DecodedManifest,
} from "./manifest.ts";
import type { Mirror } from "../mirror/mirror.ts";
import { ConnectionLost, BrowserFault } from "./database-fault.ts";
import type { WriteLock } from "./write-lock.ts";
import type { CheckpointManifest } from "./manifest.ts";

/** What every function on stored payloads works with. */
export interface PayloadStore {
  readonly use: UseStore;
  /** Whoever writes or deletes holds it: the chunks of a save in progress look like garbage. */
  readonly lock: WriteLock;
  /** Size of the pieces. */
  readonly chunkBytes: number;
  /** The record outside of the database. */
  readonly mirror: Mirror;
  /** Payloads that were read back whole since the store was opened. */
  readonly verifiedIds: Set<string>;
}

/** A manifest and its id, which is the id of its chunks as well. */
export interface Entry<M extends Manifest = Manifest> {
  id: string;
  manifest: M;
}

/**
 * Stores a payload: chunks first, each in its own transaction, the manifest last. A failed save
 * takes its chunks away again and touches nothing else. One that loses its database is made once
 * more, into the one that the browser opens instead.
 * @throws UserError "quota" when the browser's storage is full; the signal's AbortError
 */
export async function writePayload<M extends Manifest>(
  source: ByteSource,
  describe: (chunks: ChunkRecord[]) => M,
  store: PayloadStore,
  signal?: AbortSignal,
): Promise<Entry<M>> {
  try {
    return await tryToWrite(source, describe, store, signal);
  } catch (error) {
    if (!(error instanceof ConnectionLost)) {
      throw error;
    }
    return await tryToWrite(source, describe, store, signal);
  }
}

async function tryToWrite<M extends Manifest>(
  source: ByteSource,
  describe: (chunks: ChunkRecord[]) => M,
  { use, chunkBytes }: PayloadStore,
  signal: AbortSignal | undefined,
): Promise<Entry<M>> {
  const id = crypto.randomUUID();
  const { sizeBytes } = source;
  try {
    const manifest = describe(await writeChunks(source, id, chunkBytes, use, signal));
    if (hasKillPoints) {
      await reach("before-manifest");
    }
    await putManifest({ id, manifest }, use);
    if (hasKillPoints) {
      await reach("after-manifest");
    }
    return { id, manifest };
  } catch (error) {
    // If this fails too, the next save collects the chunks; the first error is the one to tell.
    await deletePayload(id, Math.ceil(sizeBytes / chunkBytes), use).catch(() => undefined);
    throw storageFault(error, sizeBytes);
  }
}

/**
 * Writes the manifest of chunks that are there, or writes it anew. That they are is looked up in
 * the same transaction: the database may have been deleted and made again since the first of them
 * was stored.
 * @throws ConnectionLost when one is not there
 */
export async function putManifest({ id, manifest }: Entry, use: UseStore): Promise<void> {
  const sealed = await encodeManifest(manifest);
  await putEncodedManifest(id, sealed, manifest.chunks.length, use);
}

/** As {@link putManifest}, of a manifest that is sealed. */
export async function putEncodedManifest(
  id: string,
  sealed: string,
  chunkCount: number,
  use: UseStore,
): Promise<void> {
  let fault: unknown;
  const abort = (values: IDBObjectStore, reason: unknown) => {
    fault = reason;
    values.transaction.abort();
  };
  try {
    await use("readwrite", (values) => {
      const present = values.count(chunksOf(id));
      present.onsuccess = () => {
        if (present.result !== chunkCount) {
          abort(values, new ConnectionLost(`${present.result} of ${chunkCount} pieces are there`));
          return;
        }
        try {
          const put = values.put(sealed, manifestKey(id));
          if (hasKillPoints) {
            put.onsuccess = () => {
              reachInTransaction("in-manifest");
            };
          }
        } catch (error) {
          abort(values, error);
        }
      };
      return promisifyRequest(values.transaction);
    });
  } catch (error) {
    throw fault ?? error;
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

/** `unreadable`: the browser failed to give the bytes, which may pass. */
export type PayloadState = Chunk["state"];

/** The state of the first piece that is not sound, or `sound`; one piece in memory at a time. */
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

/** Every sound manifest; one that fails its hash counts as not there. */
export async function listEntries({ use }: PayloadStore): Promise<Entry[]> {
  return soundEntries(await readManifests(await storedKeys(use), use));
}

/**
 * Deletes in one transaction: damaged manifests, chunks that no manifest owns, and the payloads
 * named garbage. To be called under the write lock.
 */
export async function collectGarbage(
  { use }: PayloadStore,
  garbageOf: (all: readonly Entry[]) => readonly Entry[],
): Promise<void> {
  const present = await storedKeys(use);
  const opened = await readManifests(present, use);
  const dropped = new Set(garbageOf(soundEntries(opened)).map(({ id }) => id));
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
    await deleteKeys(garbage, use);
  }
}

/** All of them or none. */
function deleteKeys(garbage: readonly string[], use: UseStore): Promise<void> {
  return use("readwrite", (values) => {
    const requests = garbage.map((key) => values.delete(key));
    const last = requests.at(-1);
    if (hasKillPoints && last !== undefined) {
      last.onsuccess = () => {
        reachInTransaction("in-delete");
      };
    }
    return promisifyRequest(values.transaction);
  });
}

async function deletePayload(id: string, chunkCount: number, use: UseStore): Promise<void> {
  const chunkKeys = Array.from({ length: chunkCount }, (_, i) => chunkKey(id, i));
  await deleteKeys([manifestKey(id), ...chunkKeys], use);
}

function chunksOf(id: string): IDBKeyRange {
  return IDBKeyRange.bound(`chunk/${id}/`, `chunk/${id}/\uffff`);
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

/** Those whose manifest can be read. */
export function soundEntries(opened: readonly StoredManifest[]): Entry[] {
  return opened.flatMap(({ id, manifest }) =>
    typeof manifest === "string" ? [] : [{ id, manifest }],
  );
}

/** A full disk as a UserError; anything else as it is. */
function storageFault(error: unknown, neededBytes: number): unknown {
  const reason = error instanceof BrowserFault ? error.cause : null;
  if (!(reason instanceof Error && reason.name === "QuotaExceededError")) {
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

export type SavedRun = Entry<CheckpointManifest>;
