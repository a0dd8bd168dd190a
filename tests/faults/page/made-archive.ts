// Archives of many small runs, made without a store: sound ones and odd ones.
import { encodeCheckpoint } from "../../../src/checkpoint/file/container.ts";
import { writeIndex, type IndexedCheckpoint } from "../../../src/checkpoint/archive/index-file.ts";
import { zipStream } from "../../../src/formats/zip.ts";
import { sha256Hex } from "../../../src/util/bytes.ts";
import { syntheticRun } from "./synthetic-run.ts";

/** What is odd about an archive. */
export type Oddity = "none" | "repeated-file" | "last-moment" | "bad-entry" | "stray-files";

export interface ArchiveAsked {
  runs: number;
  odd: Oddity;
  values?: number;
}

/** Of the last moment that a time may have. */
const lastMoment = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const strayFiles = 65_536;

/** @param values numbers in each part of each tensor, 48 bytes of file for one */
export async function archiveOf({ runs, odd, values = 200 }: ArchiveAsked): Promise<Blob> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const checkpoints: IndexedCheckpoint[] = [];
  for (let i = 0; i < runs; i++) {
    const [runId, step] = [`run-${i}`, 1];
    const bytes = encodeCheckpoint(syntheticRun(runId, step, values));
    const file = `runs/${runId}/checkpoint-1.safetensors`;
    files.set(file, bytes);
    const chunks = [{ sizeBytes: bytes.length, sha256: await sha256Hex(bytes) }];
    const savedAt = Date.UTC(2026, 0, 1) + i;
    checkpoints.push({ file, savedAt, chunks, runId, step, isPinned: false });
  }
  const [first, second] = checkpoints;
  if (odd === "repeated-file") {
    second!.file = first!.file;
  } else if (odd === "last-moment") {
    first!.savedAt = lastMoment;
  } else if (odd === "bad-entry") {
    first!.chunks[0]!.sha256 = "c".repeat(64);
  } else if (odd === "stray-files") {
    const missing = strayFiles - runs - 1;
    Array.from({ length: missing }, (_, i) => files.set(`stray/${i}`, Uint8Array.of(i)));
  }
  files.set("anneal-runs.json", new TextEncoder().encode(writeIndex({ checkpoints, data: [] })));
  const { stream } = zipStream(
    [...files].map(([name, bytes]) => ({
      name,
      sizeBytes: bytes.length,
      open: () => once(bytes),
    })),
  );
  return await new Response(stream as BodyInit).blob();
}

// eslint-disable-next-line @typescript-eslint/require-await -- a stream is asked for
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
