// A stored payload as a source: reads only the chunks that a range needs.
import type { ByteSource } from "../../formats/byte-source.ts";
import { badCheckpoint } from "../file/bad-checkpoint.ts";
import { readChunk } from "./chunks.ts";
import { sizeOf } from "./manifest.ts";
import type { Entry, PayloadStore } from "./payload-store.ts";

/** Its `read` throws "bad-checkpoint" where a chunk of the range is not sound. */
export function chunksAsSource(
  { id, manifest }: Entry,
  name: string,
  { use }: PayloadStore,
): ByteSource {
  return {
    name,
    sizeBytes: sizeOf(manifest),
    async read(begin, end, signal) {
      const bytes = new Uint8Array(end - begin);
      let start = 0;
      for (const [index, record] of manifest.chunks.entries()) {
        const [from, to] = [Math.max(begin, start), Math.min(end, start + record.sizeBytes)];
        if (from < to) {
          signal?.throwIfAborted();
          const chunk = await readChunk(id, index, record, use);
          if (chunk.state !== "sound") {
            throw badCheckpoint(`A piece of it is ${chunk.state}.`, name);
          }
          bytes.set(new Uint8Array(chunk.bytes, from - start, to - from), from - begin);
        }
        start += record.sizeBytes;
      }
      return bytes;
    },
  };
}
