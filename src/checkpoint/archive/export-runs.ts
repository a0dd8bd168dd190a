// Exports every saved run as one file: a zip of the checkpoints and their data sets with an index.
// Streamed chunk by chunk.
import { zipStream, type ZipPart } from "../../formats/zip.ts";
import { sha256Hex } from "../../util/bytes.ts";
import { chunksAsSource } from "../database/chunk-source.ts";
import { eachChunk, type HashedBytes } from "../database/chunks.ts";
import { sizeOf } from "../database/manifest.ts";
import {
  findManifest,
  listEntries,
  stateOfPayload,
  type Entry,
  type PayloadStore,
} from "../database/payload-store.ts";
import { checkpointFileName } from "../file/container.ts";
import { runsAmong } from "../saved-runs.ts";
import type { VerifyOptions } from "../verify.ts";
import { indexName, writeIndex } from "./index-file.ts";

/** An export of all runs. */
export interface Backup {
  name: string;
  /** Checkpoints and data sets. */
  files: number;
  /** Exact. */
  sizeBytes: number;
  /**
   * Fails with UserError "bad-checkpoint" when a chunk becomes unreadable meanwhile, and with the
   * signal's AbortError.
   */
  stream: ReadableStream<Uint8Array>;
  /** Keys of the damaged entries that were left out. */
  skippedKeys: string[];
}

/**
 * Verifies everything before the stream begins, so that the export contains nothing damaged. Every
 * byte counts twice in the progress: once verified, once written.
 */
export async function exportRuns(
  store: PayloadStore,
  { signal, progress }: VerifyOptions = {},
): Promise<Backup> {
  const sound: Entry[] = [];
  const plain = new Map<string, readonly HashedBytes[]>();
  const skippedKeys: string[] = [];
  const entries = await listEntries(store);
  const totalBytes = 2 * entries.reduce((sum, { manifest }) => sum + sizeOf(manifest), 0);
  let doneBytes = 0;
  const report = (bytes: number) => {
    doneBytes += bytes;
    progress?.(doneBytes, totalBytes);
  };
  for (const entry of entries) {
    const sizeBytes = sizeOf(entry.manifest);
    if ((await stateOfPayload(entry, store, signal)) === "sound") {
      sound.push(entry);
      plain.set(entry.id, await plainChunks(entry, store, signal));
      report(sizeBytes);
    } else {
      report(2 * sizeBytes);
      if ((await findManifest(entry.id, store)) !== "missing") {
        skippedKeys.push(entry.id); // otherwise it was deleted meanwhile
      }
    }
  }
  const json = new TextEncoder().encode(indexOf(sound, plain));
  const parts: ZipPart[] = [
    { name: indexName, sizeBytes: json.length, open: () => once(json) },
    ...sound.map((entry) => ({
      name: fileNameOf(entry),
      sizeBytes: sizeOf(entry.manifest),
      open: () => counted(eachChunk(entry.id, entry.manifest.chunks, store.use, signal), report),
    })),
  ];
  return { name: "anneal-runs.zip", skippedKeys, files: sound.length, ...zipStream(parts) };
}

/** The chunks of a file as if it had no pieces: an archive does not tell how it was stored. */
async function plainChunks(
  entry: Entry,
  store: PayloadStore,
  signal: AbortSignal | undefined,
): Promise<readonly HashedBytes[]> {
  if (entry.manifest.chunks.every(({ copy }) => copy === undefined)) {
    return entry.manifest.chunks;
  }
  const file = chunksAsSource(entry, fileNameOf(entry), store);
  const chunks: HashedBytes[] = [];
  for (let begin = 0; begin < file.sizeBytes; begin += store.chunkBytes) {
    const end = Math.min(begin + store.chunkBytes, file.sizeBytes);
    const bytes = await file.read(begin, end, signal);
    chunks.push({ sizeBytes: bytes.length, sha256: await sha256Hex(bytes) });
  }
  return chunks;
}

/** @param plain the chunks of each, by id */
function indexOf(
  entries: readonly Entry[],
  plain: ReadonlyMap<string, readonly HashedBytes[]>,
): string {
  const facts = ({ id, manifest }: Entry) => ({
    file: fileNameOf({ id, manifest }),
    savedAt: manifest.createdAt,
    chunks: [...(plain.get(id) ?? [])],
  });
  return writeIndex({
    checkpoints: runsAmong(entries).map((entry) => {
      const { run, isPinned } = entry.manifest;
      const { runId, step, name } = run;
      return { ...facts(entry), runId, step, isPinned, ...(name === undefined ? {} : { name }) };
    }),
    data: entries.flatMap(({ id, manifest }) =>
      manifest.kind === "data" ? [{ ...facts({ id, manifest }), sha256: manifest.dataSha256 }] : [],
    ),
  });
}

/** The path contains the key, because two saves of a run can have the same step. */
function fileNameOf({ id, manifest }: Entry): string {
  return manifest.kind === "checkpoint"
    ? `runs/${manifest.run.runId}/${id}/${checkpointFileName(manifest.run.step)}`
    : `data/${id}`;
}

// eslint-disable-next-line @typescript-eslint/require-await -- one value, but the caller needs a stream
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}

async function* counted(
  chunks: AsyncIterable<ArrayBuffer>,
  report: (bytes: number) => void,
): AsyncGenerator<ArrayBuffer, void, undefined> {
  for await (const chunk of chunks) {
    yield chunk;
    report(chunk.byteLength);
  }
}
