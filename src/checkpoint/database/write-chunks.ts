// Writes the chunks of a payload, each in its own transaction. A piece that another payload has
// brought is not written again.
import { set, type UseStore } from "idb-keyval";
import type { ByteSource } from "../../formats/byte-source.ts";
import { sha256Hex } from "../../util/bytes.ts";
import type { ByteRange } from "../file/log-pieces.ts";
import { keyOfChunk, readChunk, type ChunkRecord, type PieceCopy } from "./chunks.ts";
import { reach } from "./kill-points.ts";

/** Bytes to store, and the ranges of them that other payloads have too, in order. */
export interface PayloadSource extends ByteSource {
  readonly pieces?: { readonly ranges: readonly ByteRange[]; readonly copy: PieceCopy };
}

const missing = { state: "missing" } as const;

/**
 * Stores the chunks, which belong to no payload until the caller writes a manifest.
 * @param onNew hears of each key that is about to be made
 */
export async function writeChunks(
  source: PayloadSource,
  payloadId: string,
  { use, chunkBytes }: { use: UseStore; chunkBytes: number },
  onNew: (key: string) => void,
  signal?: AbortSignal,
): Promise<ChunkRecord[]> {
  const records: ChunkRecord[] = [];
  for (const { begin, end, copy } of chunkRanges(source, chunkBytes)) {
    const chunk = await source.read(begin, end, signal);
    const own = { sizeBytes: chunk.length, sha256: await sha256Hex(chunk) };
    const record = copy === undefined ? own : { ...own, copy };
    const index = records.push(record) - 1;
    // A piece is read back before a checkpoint relies on it.
    const { state } = copy === undefined ? missing : await readChunk(payloadId, index, record, use);
    if (state === "sound") {
      continue;
    }
    const key = keyOfChunk(payloadId, index, record);
    if (state === "missing") {
      onNew(key);
    }
    await reach?.(copy === undefined ? "before-chunk" : "before-piece");
    await set(key, chunk.buffer, use);
    await reach?.(copy === undefined ? "after-chunk" : "after-piece");
  }
  signal?.throwIfAborted();
  return records;
}

/** Chunks of at most `chunkBytes`; a piece is a chunk of its own. */
function* chunkRanges(
  { sizeBytes, pieces }: PayloadSource,
  chunkBytes: number,
): Generator<ByteRange & { copy?: PieceCopy }, void, undefined> {
  let begin = 0;
  for (const piece of pieces?.ranges ?? []) {
    yield* plainRanges(begin, piece.begin, chunkBytes);
    yield { ...piece, ...(pieces && { copy: pieces.copy }) };
    begin = piece.end;
  }
  yield* plainRanges(begin, sizeBytes, chunkBytes);
}

function* plainRanges(
  from: number,
  to: number,
  chunkBytes: number,
): Generator<ByteRange, void, undefined> {
  for (let begin = from; begin < to; begin += chunkBytes) {
    yield { begin, end: Math.min(begin + chunkBytes, to) };
  }
}
