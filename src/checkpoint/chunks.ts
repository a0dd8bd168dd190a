// Large values in pieces: each is one transaction and carries its SHA-256, because nothing in a browser checks
// that the bytes it returns are the ones it was given.
import { get, set, type UseStore } from "idb-keyval";
import { sha256Hex } from "../util/bytes.ts";
import { badCheckpoint } from "./bad-checkpoint.ts";

/** Chrome's SQLite back end refuses a value of 127 MiB, and one put takes 3 times its size in memory. */
export const maxChunkBytes = 16 * 2 ** 20;

export interface ChunkRecord {
  sizeBytes: number;
  sha256: string;
}

export function chunkKey(payloadId: string, index: number): string {
  return `chunk/${payloadId}/${index}`;
}

/** The payload a stored key belongs to; null for a key of something else. */
export function payloadOfChunk(key: string): string | null {
  return /^chunk\/([^/]+)\/\d+$/.exec(key)?.[1] ?? null;
}

/** Stores the pieces; whoever calls makes them count by a manifest afterwards. */
export async function writeChunks(
  source: Uint8Array | Blob,
  payloadId: string,
  chunkBytes: number,
  store: UseStore,
  signal?: AbortSignal,
): Promise<ChunkRecord[]> {
  const sizeBytes = source instanceof Blob ? source.size : source.length;
  const records: ChunkRecord[] = [];
  for (let begin = 0; begin < sizeBytes; begin += chunkBytes) {
    signal?.throwIfAborted();
    const chunk = await copyOf(source, begin, Math.min(begin + chunkBytes, sizeBytes));
    await set(chunkKey(payloadId, records.length), chunk.buffer, store);
    records.push({ sizeBytes: chunk.length, sha256: await sha256Hex(chunk) });
  }
  signal?.throwIfAborted();
  return records;
}

/**
 * The value again, every piece verified.
 * @throws UserError "bad-checkpoint" when a piece is missing or differs from what was written
 */
export async function readChunks(
  payloadId: string,
  records: readonly ChunkRecord[],
  store: UseStore,
  signal?: AbortSignal,
): Promise<Blob> {
  const chunks: ArrayBuffer[] = [];
  for (const [i, { sizeBytes, sha256 }] of records.entries()) {
    signal?.throwIfAborted();
    const place = `Saved piece ${i + 1} of ${records.length}`;
    const chunk = await get<unknown>(chunkKey(payloadId, i), store);
    if (!(chunk instanceof ArrayBuffer)) {
      throw badCheckpoint("It is missing from the browser's storage.", place);
    }
    if (chunk.byteLength !== sizeBytes || (await sha256Hex(new Uint8Array(chunk))) !== sha256) {
      throw badCheckpoint("It was damaged in the browser's storage.", place);
    }
    chunks.push(chunk);
  }
  return new Blob(chunks);
}

/** A copy in a buffer of its own: a view would store all of the buffer behind it. */
async function copyOf(
  source: Uint8Array | Blob,
  begin: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  return source instanceof Blob
    ? new Uint8Array(await source.slice(begin, end).arrayBuffer())
    : new Uint8Array(source.subarray(begin, end));
}
