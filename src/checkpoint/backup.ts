// Exports every saved run as one file and imports it: a zip of the checkpoints and their data sets,
// with an index of their runs, steps and the SHA-256 of every chunk. Streamed chunk by chunk.
import { blobSource } from "../formats/byte-source.ts";
import { readZip, type ZipMember } from "../formats/zip-read.ts";
import { zipStream, type ZipPart } from "../formats/zip.ts";
import { sha256Hex } from "../util/bytes.ts";
import { badCheckpoint } from "./file/bad-checkpoint.ts";
import { eachChunk, type ChunkRecord } from "./database/chunks.ts";
import { checkpointFileName, decodeCheckpoint } from "./file/container.ts";
import { loadDataFile, saveDataFile } from "./data-files.ts";
import { deleteCheckpoint } from "./housekeeping.ts";
import { reach } from "./database/kill-points.ts";
import { sizeOf } from "./database/manifest.ts";
import { bool, integer, listOf, parseJson, record, sha256, text } from "./file/parse.ts";
import {
  findManifest,
  listEntries,
  stateOfPayload,
  type Entry,
  type PayloadStore,
} from "./database/payload-store.ts";
import { runsAmong, savedRuns, writeRun } from "./saved-runs.ts";
import type { CheckpointSummary } from "./file/summary.ts";
import type { VerifyOptions } from "./verify.ts";

/** An export of all runs. */
export interface Backup {
  name: string;
  /** Exact. */
  sizeBytes: number;
  /** Fails with UserError "bad-checkpoint" when a chunk becomes unreadable meanwhile. */
  stream: ReadableStream<Uint8Array>;
  /** Keys of the damaged entries that were left out. */
  skippedKeys: string[];
}

export interface ImportedRuns {
  imported: CheckpointSummary[];
  /** Checkpoints that already existed, sound as far as the browser could read them. */
  alreadyHere: number;
}

interface IndexedFile {
  file: string;
  savedAt: number;
  chunks: ChunkRecord[];
}
type IndexedCheckpoint = IndexedFile & {
  runId: string;
  step: number;
  isPinned: boolean;
  /** Of the run, where the person gave it one. */
  name?: string;
};
type IndexedData = IndexedFile & { sha256: string };

interface BackupIndex {
  format: string;
  version: number;
  checkpoints: IndexedCheckpoint[];
  data: IndexedData[];
}

const indexName = "anneal-runs.json";
const format = "anneal-runs";
const version = 2;
/** The first had no names. */
const oldestVersion = 1;
/** Enough for 100,000 checkpoints of ten chunks each. */
const maxIndexBytes = 100_000_000;

/**
 * The end of the year 9999. Each later save gets a later time, so an imported time must stay far
 * below the largest safe integer.
 */
const latestSavedAt = 253_402_300_799_999;

const indexedFile = {
  file: text,
  savedAt: integer(0, latestSavedAt),
  chunks: listOf(record<ChunkRecord>({ sizeBytes: integer(1), sha256 })),
};
const parseIndex = record<BackupIndex>({
  format: text,
  version: integer(1),
  checkpoints: listOf(
    record<Omit<IndexedCheckpoint, "name">, Pick<IndexedCheckpoint, "name">>(
      { ...indexedFile, runId: text, step: integer(0), isPinned: bool },
      { name: text },
    ),
  ),
  data: listOf(record<IndexedData>({ ...indexedFile, sha256 })),
});

/** Verifies everything before the stream begins, so that the export contains nothing damaged. */
export async function exportRuns(store: PayloadStore, signal?: AbortSignal): Promise<Backup> {
  const sound: Entry[] = [];
  const skippedKeys: string[] = [];
  for (const entry of await listEntries(store)) {
    if ((await stateOfPayload(entry, store, signal)) === "sound") {
      sound.push(entry);
    } else if ((await findManifest(entry.id, store)) !== "missing") {
      skippedKeys.push(entry.id); // otherwise it was deleted meanwhile
    }
  }
  const index = indexOf(sound);
  const json = new TextEncoder().encode(`${JSON.stringify(index, null, 1)}\n`);
  const parts: ZipPart[] = [
    { name: indexName, sizeBytes: json.length, open: () => once(json) },
    ...sound.map((entry) => ({
      name: fileNameOf(entry),
      sizeBytes: sizeOf(entry.manifest),
      open: () => eachChunk(entry.id, entry.manifest.chunks, store.use, signal),
    })),
  ];
  return { name: "anneal-runs.zip", skippedKeys, ...zipStream(parts) };
}

function indexOf(entries: readonly Entry[]): BackupIndex {
  const facts = ({ id, manifest }: Entry) => ({
    file: fileNameOf({ id, manifest }),
    savedAt: manifest.createdAt,
    chunks: manifest.chunks,
  });
  return {
    format,
    version,
    checkpoints: runsAmong(entries).map((entry) => {
      const { run, isPinned } = entry.manifest;
      const { runId, step, name } = run;
      return { ...facts(entry), runId, step, isPinned, ...(name === undefined ? {} : { name }) };
    }),
    data: entries.flatMap(({ id, manifest }) =>
      manifest.kind === "data" ? [{ ...facts({ id, manifest }), sha256: manifest.dataSha256 }] : [],
    ),
  };
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

/** An export that is being imported. */
interface Archive {
  file: Blob;
  fileName: string;
  members: ReadonlyMap<string, ZipMember>;
}

/**
 * Stores what is missing or damaged here, with its times and pins, after checking every byte.
 * Earlier imports stay when a later checkpoint fails.
 * @throws UserError "bad-header" when it is not an archive, "bad-checkpoint" when something in it
 *   is missing, damaged or of another kind, "quota"; the signal's AbortError
 */
export async function importRuns(
  file: Blob,
  fileName: string,
  store: PayloadStore,
  { signal, progress }: VerifyOptions = {},
): Promise<ImportedRuns> {
  const members = await readZip(blobSource(file, fileName), signal);
  const archive = { file, fileName, members };
  const index = await readIndex(archive);
  const totalBytes = sum([...index.data, ...index.checkpoints].map(sizeOfIndexed));
  let doneBytes = 0;
  const report = (indexed: IndexedFile) => {
    doneBytes += sizeOfIndexed(indexed);
    progress?.(doneBytes, totalBytes);
  };
  for (const indexed of index.data) {
    await importData(indexed, archive, store, signal);
    report(indexed);
  }
  const here = new Map(
    (await savedRuns(store)).map((entry) => {
      const { run, createdAt } = entry.manifest;
      return [nameOfSave({ ...run, savedAt: createdAt }), entry];
    }),
  );
  const imported: CheckpointSummary[] = [];
  for (const indexed of index.checkpoints.toSorted((a, b) => a.savedAt - b.savedAt)) {
    const twin = here.get(nameOfSave(indexed));
    if (twin === undefined || (await isBroken(twin, store, signal))) {
      const isPinned = indexed.isPinned || twin?.manifest.isPinned === true;
      imported.push(await importRun({ ...indexed, isPinned }, archive, store, signal));
      if (twin !== undefined) {
        await deleteCheckpoint(twin.id, store);
      }
      await reach?.("between-imports");
    }
    report(indexed);
  }
  return { imported, alreadyHere: index.checkpoints.length - imported.length };
}

async function importData(
  indexed: IndexedData,
  archive: Archive,
  store: PayloadStore,
  signal: AbortSignal | undefined,
): Promise<void> {
  const content = await contentOf(indexed, archive, signal);
  if ((await sha256Hex(new Uint8Array(await content.arrayBuffer()))) !== indexed.sha256) {
    throw badCheckpoint(
      "It is not the data set that the index lists.",
      `${archive.fileName}, ${indexed.file}`,
    );
  }
  // Deletes a damaged copy, which would count as stored.
  await loadDataFile(indexed.sha256, store, signal);
  const identity = { sha256: indexed.sha256, sizeBytes: content.size, name: indexed.file };
  await saveDataFile(identity, content, store, signal);
}

async function importRun(
  indexed: IndexedCheckpoint,
  archive: Archive,
  store: PayloadStore,
  signal: AbortSignal | undefined,
): Promise<CheckpointSummary> {
  const content = await contentOf(indexed, archive, signal);
  const run = await decodeCheckpoint(content, indexed.file, signal);
  if (run.runId !== indexed.runId || run.trainer.step !== indexed.step) {
    throw badCheckpoint(
      `It is step ${run.trainer.step} of run ${run.runId}, the index says step ${indexed.step} of ${indexed.runId}.`,
      `${archive.fileName}, ${indexed.file}`,
    );
  }
  const { savedAt, isPinned, name } = indexed;
  const source = blobSource(content, indexed.file);
  return await writeRun(source, run, store, { from: { savedAt, isPinned, name }, signal });
}

/** False where the browser failed to read: that can be temporary. */
async function isBroken(
  entry: Entry,
  store: PayloadStore,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const state = await stateOfPayload(entry, store, signal);
  return state === "damaged" || state === "missing";
}

async function readIndex({ file, fileName, members }: Archive): Promise<BackupIndex> {
  const member = members.get(indexName);
  if (member === undefined || member.sizeBytes > maxIndexBytes) {
    throw badCheckpoint(
      `This archive is not an export of saved runs: ${indexName} is missing or too large.`,
      fileName,
    );
  }
  const json = await file.slice(member.begin, member.begin + member.sizeBytes).text();
  const index = parseJson(json, parseIndex, `${fileName}, ${indexName}`);
  if (index.format !== format || index.version < oldestVersion || index.version > version) {
    throw badCheckpoint(
      `It is ${index.format} ${index.version}; this page reads ${format} ${version}. Reload the page to update it.`,
      `${fileName}, ${indexName}`,
    );
  }
  return index;
}

/** @throws UserError "bad-checkpoint" when it is missing or differs from what was exported */
async function contentOf(
  { file: name, chunks }: IndexedFile,
  { file, fileName, members }: Archive,
  signal: AbortSignal | undefined,
): Promise<Blob> {
  const member = members.get(name);
  const where = `${fileName}, ${name}`;
  if (member === undefined) {
    throw badCheckpoint("It is missing from the archive.", where);
  }
  const content = file.slice(member.begin, member.begin + member.sizeBytes);
  const source = blobSource(content, where);
  let begin = 0;
  for (const { sizeBytes, sha256: expected } of chunks) {
    const end = begin + sizeBytes;
    if (
      end > content.size ||
      (await sha256Hex(await source.read(begin, end, signal))) !== expected
    ) {
      throw badCheckpoint(`Bytes ${begin} to ${end} differ from what was exported.`, where);
    }
    begin = end;
  }
  if (begin !== content.size) {
    throw badCheckpoint(`It has ${content.size} bytes, not ${begin}.`, where);
  }
  return content;
}

/** No two saves of a run have the same time. */
function nameOfSave({
  runId,
  step,
  savedAt,
}: Pick<IndexedCheckpoint, "runId" | "step" | "savedAt">): string {
  return `${runId} ${step} ${savedAt}`;
}

function sizeOfIndexed({ chunks }: IndexedFile): number {
  return sum(chunks.map(({ sizeBytes }) => sizeBytes));
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}
