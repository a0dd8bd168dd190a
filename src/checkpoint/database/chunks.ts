// Stores large values in chunks: each is one transaction and has its SHA-256, because browsers do
// not check that the bytes they return are those they were given. What many checkpoints have alike
// is stored once, as a piece under its own hash.
import { get, type UseStore } from "idb-keyval";
import { sha256Hex } from "../../util/bytes.ts";
import { badCheckpoint } from "../file/bad-checkpoint.ts";
import { BrowserFault } from "./database-fault.ts";

/**
 * A put needs several times its size in memory, in the page's process and in the browser's: with 2
 * MiB a save stays far below 64 MB. (Chrome's SQLite back end rejects a value of 127 MiB.) Larger
 * chunks of older versions stay readable.
 */
export const maxChunkBytes = 2 * 2 ** 20;

export interface HashedBytes {
  sizeBytes: number;
  sha256: string;
}

export interface ChunkRecord extends HashedBytes {
  /** Only of a piece, which other payloads may have too. */
  copy?: PieceCopy;
}

/**
 * A piece is stored in two copies, and consecutive checkpoints of a run use them in turn: damage to
 * a piece must leave one of the two.
 */
export type PieceCopy = 0 | 1;

/**
 * A chunk that was read. `unreadable` can be temporary: the browser failed, the bytes may be sound.
 */
export type Chunk =
  { state: "sound"; bytes: ArrayBuffer } | { state: "missing" | "damaged" | "unreadable" };

const faultOf: Record<Exclude<Chunk["state"], "sound">, string> = {
  missing: "It is missing from the browser's storage.",
  damaged: "It was damaged in the browser's storage.",
  unreadable: "The browser cannot read it.",
};

export function chunkKey(payloadId: string, index: number): string {
  return `chunk/${payloadId}/${index}`;
}

/** The payload that a stored key belongs to; null for any other key. */
export function payloadOfChunk(key: string): string | null {
  return /^chunk\/([^/]+)\/\d+$/.exec(key)?.[1] ?? null;
}

/** Whether a stored key is that of a piece. */
export function isPiece(key: string): boolean {
  return key.startsWith("piece/");
}

/** Where a chunk of a payload is stored. */
export function keyOfChunk(
  payloadId: string,
  index: number,
  { copy, sha256 }: ChunkRecord,
): string {
  return copy === undefined ? chunkKey(payloadId, index) : `piece/${copy}/${sha256}`;
}

/** Where the chunks of a payload are stored, in order. */
export function keysOfChunks(payloadId: string, records: readonly ChunkRecord[]): string[] {
  return records.map((record, index) => keyOfChunk(payloadId, index, record));
}

/** One chunk, compared with its record. */
export async function readChunk(
  payloadId: string,
  index: number,
  record: ChunkRecord,
  store: UseStore,
): Promise<Chunk> {
  let chunk: unknown;
  try {
    chunk = await getOrAgain(keyOfChunk(payloadId, index, record), store);
  } catch (error) {
    // Chrome fails so when a file of its database is gone or cut short.
    if (error instanceof BrowserFault) {
      return { state: "unreadable" };
    }
    throw error;
  }
  if (!(chunk instanceof ArrayBuffer)) {
    return { state: "missing" };
  }
  const isSound =
    chunk.byteLength === record.sizeBytes &&
    (await sha256Hex(new Uint8Array(chunk))) === record.sha256;
  return isSound ? { state: "sound", bytes: chunk } : { state: "damaged" };
}

/** Reads again after a failure of the browser: a temporary one must not cost the checkpoint. */
async function getOrAgain(key: string, store: UseStore): Promise<unknown> {
  try {
    return await get<unknown>(key, store);
  } catch (error) {
    if (!(error instanceof BrowserFault)) {
      throw error;
    }
    return await get<unknown>(key, store);
  }
}

/**
 * The chunks in order, each verified, one at a time.
 * @throws UserError "bad-checkpoint" when a chunk is missing, unreadable or damaged
 */
export async function* eachChunk(
  payloadId: string,
  records: readonly ChunkRecord[],
  store: UseStore,
  signal?: AbortSignal,
): AsyncGenerator<ArrayBuffer, void, undefined> {
  for (const [i, expected] of records.entries()) {
    signal?.throwIfAborted();
    const chunk = await readChunk(payloadId, i, expected, store);
    if (chunk.state !== "sound") {
      throw badCheckpoint(faultOf[chunk.state], `Saved piece ${i + 1} of ${records.length}`);
    }
    yield chunk.bytes;
  }
}

/**
 * The whole value, verified.
 * @throws UserError "bad-checkpoint" as {@link eachChunk}
 */
export async function readChunks(
  payloadId: string,
  records: readonly ChunkRecord[],
  store: UseStore,
  signal?: AbortSignal,
): Promise<Blob> {
  const chunks: ArrayBuffer[] = [];
  for await (const chunk of eachChunk(payloadId, records, store, signal)) {
    chunks.push(chunk);
  }
  return new Blob(chunks);
}
