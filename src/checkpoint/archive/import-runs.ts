// Imports an export of all runs: what is missing or damaged here, whole or not at all. An entry
// that cannot be used costs that entry alone.
import { blobSource } from "../../formats/byte-source.ts";
import { readZip } from "../../formats/zip-read.ts";
import { bestEffort } from "../../util/best-effort.ts";
import { UserError } from "../../util/errors.ts";
import { collectUnused, spareData } from "../data-files.ts";
import { reach } from "../database/kill-points.ts";
import type { CheckpointManifest, DataManifest, Manifest } from "../database/manifest.ts";
import type { ChunkRecord, HashedBytes } from "../database/chunks.ts";
import { PayloadBatch } from "../database/payload-batch.ts";
import {
  collectGarbage,
  stateOfPayload,
  writePayload,
  type Entry,
  type PayloadStore,
  type SavedRun,
} from "../database/payload-store.ts";
import { badCheckpoint } from "../file/bad-checkpoint.ts";
import { summarize, type CheckpointSummary } from "../file/summary.ts";
import { clockTime, latestClock } from "../file/times.ts";
import { mirrorRuns } from "../mirror/mirror-sync.ts";
import { restoreManifests } from "../mirror/restore-manifests.ts";
import { timeOfNext } from "../save-times.ts";
import { newestFirst, savedRuns, summariesOf } from "../saved-runs.ts";
import type { VerifyOptions } from "../verify.ts";
import {
  indexName,
  maxIndexBytes,
  parseIndex,
  type ArchiveIndex,
  type IndexedCheckpoint,
  type IndexedData,
  type IndexedFile,
  type RefusedEntry,
} from "./index-file.ts";
import { KnownEntries } from "./known-entries.ts";
import { readCheckpoint, readData, type Archive, type Content } from "./read-entry.ts";

export interface ImportedRuns {
  imported: CheckpointSummary[];
  /** Checkpoints that already existed, sound as far as the browser could read them. */
  alreadyHere: number;
  /** What cannot be used, by name. */
  refused: RefusedEntry[];
  /** Files whose time is past the permitted range; they are dated now. */
  redated: string[];
}

/** The write lock is held for a batch; others save between two. */
const batchBytes = 16 * 2 ** 20;
const batchEntries = 100;

type Item = ({ kind: "data" } & IndexedData) | ({ kind: "checkpoint" } & IndexedCheckpoint);

/**
 * Stores what is missing or damaged here, with its times and pins, after checking every byte. Each
 * checkpoint is stored whole; those that were stored stay when the import ends early. Every byte
 * counts twice in the progress: once read, once stored.
 * @throws UserError "bad-header" when it is not an archive, "bad-checkpoint" when it is of another
 *   kind or lists a file twice; "unreadable-file", "quota", "busy"; the signal's AbortError
 */
export async function importRuns(
  file: Blob,
  fileName: string,
  store: PayloadStore,
  { signal, progress }: VerifyOptions = {},
): Promise<ImportedRuns> {
  const zip = await readZip(blobSource(file, fileName), signal);
  const archive = { file, fileName, zip };
  const index = await readIndex(archive);
  const items: Item[] = [
    ...index.data.map((data) => ({ kind: "data", ...data }) as const),
    ...index.checkpoints.toSorted(byTime).map((run) => ({ kind: "checkpoint", ...run }) as const),
  ];
  const totalBytes = 2 * items.reduce((sum, item) => sum + sizeOfIndexed(item), 0);
  const tell = (doneBytes: number) => progress?.(doneBytes, totalBytes);
  const work = new Import(archive, store, tell, signal);
  work.refused.push(...index.refused);
  await store.lock(() => restoreManifests(store));
  try {
    for (const batch of batchesOf(items)) {
      await store.lock(() => work.take(batch));
      await reach?.("between-imports");
    }
  } finally {
    const mirroring = store.lock(async () => mirrorRuns(await savedRuns(store), store));
    await bestEffort("what came is stored, the next save mirrors it", mirroring);
  }
  const collecting = store.lock(() => collectUnused(store));
  await bestEffort("the next save collects it", collecting);
  return await work.result();
}

class Import {
  readonly refused: RefusedEntry[] = [];
  readonly #archive: Archive;
  readonly #store: PayloadStore;
  readonly #tell: (doneBytes: number) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #importedIds = new Set<string>();
  readonly #redated: string[] = [];
  #alreadyHere = 0;
  #doneBytes = 0;
  /** Everything stored, and what this batch is about to store. */
  readonly #known = new KnownEntries();
  /** Of this batch, not yet durable. */
  #pendingIds = new Set<string>();
  /** Damaged here, to be deleted once what replaces them is durable. */
  #replacedIds = new Set<string>();

  constructor(
    archive: Archive,
    store: PayloadStore,
    tell: (doneBytes: number) => void,
    signal: AbortSignal | undefined,
  ) {
    this.#archive = archive;
    this.#store = store;
    this.#tell = tell;
    this.#signal = signal;
  }

  /** Stores what is missing of a batch. Requires the write lock. */
  async take(items: readonly Item[]): Promise<void> {
    const store = this.#store;
    await this.#known.refresh(store);
    const batch = new PayloadBatch(store);
    this.#pendingIds = new Set();
    this.#replacedIds = new Set();
    for (const item of items) {
      const before = this.#doneBytes;
      await this.#takeOne(item, batch);
      this.#doneBytes = before + 2 * sizeOfIndexed(item);
      this.#tell(this.#doneBytes);
    }
    await batch.flush();
    this.#pendingIds.forEach((id) => this.#importedIds.add(id));
    if (this.#replacedIds.size > 0) {
      await collectGarbage(store, (all) => all.filter(({ id }) => this.#replacedIds.has(id)));
    }
  }

  async result(): Promise<ImportedRuns> {
    const saved = await savedRuns(this.#store);
    const summaries = await summariesOf(saved, this.#store);
    return {
      imported: summaries.filter(({ key }) => this.#importedIds.has(key)),
      alreadyHere: this.#alreadyHere,
      refused: this.refused,
      redated: this.#redated,
    };
  }

  async #takeOne(item: Item, batch: PayloadBatch): Promise<void> {
    this.#signal?.throwIfAborted();
    await (item.kind === "data" ? this.#takeData(item, batch) : this.#takeRun(item, batch));
  }

  async #takeData(indexed: IndexedData, batch: PayloadBatch): Promise<void> {
    const twin = this.#known.dataOf(indexed.sha256);
    if (twin !== undefined && !(await this.#isBroken(twin))) {
      await (this.#pendingIds.has(twin.id) || spareData(twin, this.#store));
      return;
    }
    const content = await this.#orRefused(indexed, (options) =>
      readData(indexed, this.#archive, options),
    );
    if (content !== null) {
      const createdAt = clockTime();
      const { sha256: dataSha256 } = indexed;
      await this.#put(content, batch, twin, (chunks): DataManifest => {
        return { kind: "data", createdAt, dataSha256, chunks };
      });
    }
  }

  async #takeRun(indexed: IndexedCheckpoint, batch: PayloadBatch): Promise<void> {
    const ofRun = this.#known.ofRun(indexed.runId);
    const twin = ofRun.find((entry) => isSame(entry, indexed));
    if (twin !== undefined && !(await this.#isBroken(twin))) {
      this.#alreadyHere += 1;
      return;
    }
    const read = await this.#orRefused(indexed, (options) =>
      readCheckpoint(indexed, this.#archive, options),
    );
    if (read === null) {
      return;
    }
    const { content, run } = read;
    const isBeyond = indexed.savedAt > latestClock;
    const createdAt = isBeyond ? await timeOfNext(this.#known.runs, this.#store) : indexed.savedAt;
    const isPinned = indexed.isPinned || twin?.manifest.isPinned === true;
    const name = newestFirst(ofRun)[0]?.manifest.run.name ?? indexed.name;
    const summary = { ...summarize(run), ...(name === undefined ? {} : { name }) };
    const facts = { kind: "checkpoint", dataSha256: run.data.sha256 } as const;
    await this.#put(content, batch, twin, (chunks): CheckpointManifest => {
      return { ...facts, run: summary, createdAt, isPinned, chunks };
    });
    if (isBeyond) {
      this.#redated.push(indexed.file);
    }
  }

  /** False where the browser failed to read: that can be temporary. */
  async #isBroken(entry: Entry): Promise<boolean> {
    if (this.#pendingIds.has(entry.id)) {
      return false;
    }
    const state = await stateOfPayload(entry, this.#store, this.#signal);
    return state === "damaged" || state === "missing";
  }

  /** What is wrong with an entry of the archive costs that entry alone. */
  async #orRefused<T>(
    { file }: IndexedFile,
    read: (options: {
      signal: AbortSignal | undefined;
      onBytes: (n: number) => void;
    }) => Promise<T>,
  ): Promise<T | null> {
    const onBytes = (sizeBytes: number) => {
      this.#doneBytes += sizeBytes;
      this.#tell(this.#doneBytes);
    };
    try {
      return await read({ signal: this.#signal, onBytes });
    } catch (error) {
      if (!(error instanceof UserError) || error.code === "unreadable-file") {
        throw error;
      }
      this.refused.push({ file, reason: error.message });
      return null;
    }
  }

  async #put(
    content: Content,
    batch: PayloadBatch,
    twin: Entry | undefined,
    describe: (chunks: ChunkRecord[]) => Manifest,
  ): Promise<void> {
    const entry =
      content.bytes === null
        ? await writePayload(content.source, describe, this.#store, this.#signal)
        : await batch.add(content.bytes, describe);
    if (twin !== undefined) {
      this.#known.drop(twin.id);
      this.#replacedIds.add(twin.id);
    }
    this.#known.add(entry);
    this.#pendingIds.add(entry.id);
  }
}

/**
 * No two saves of a run have the same time. One whose time is past the range was dated anew here:
 * its bytes tell.
 */
function isSame({ manifest }: SavedRun, indexed: IndexedCheckpoint): boolean {
  const { runId, step } = manifest.run;
  if (runId !== indexed.runId || step !== indexed.step) {
    return false;
  }
  return indexed.savedAt > latestClock
    ? hashesOf(manifest) === hashesOf(indexed)
    : manifest.createdAt === indexed.savedAt;
}

function hashesOf({ chunks }: { chunks: readonly HashedBytes[] }): string {
  return chunks.map(({ sha256 }) => sha256).join();
}

function byTime(a: IndexedCheckpoint, b: IndexedCheckpoint): number {
  return a.savedAt - b.savedAt || a.step - b.step;
}

function* batchesOf(items: readonly Item[]): Generator<Item[], void, undefined> {
  let batch: Item[] = [];
  let sizeBytes = 0;
  for (const item of items) {
    batch.push(item);
    sizeBytes += sizeOfIndexed(item);
    if (batch.length === batchEntries || sizeBytes >= batchBytes) {
      yield batch;
      batch = [];
      sizeBytes = 0;
    }
  }
  yield batch;
}

async function readIndex({ file, fileName, zip }: Archive): Promise<ArchiveIndex> {
  const member = zip.members.get(indexName);
  const broken = zip.broken.get(indexName);
  if (broken !== undefined) {
    throw broken;
  }
  if (member === undefined || member.sizeBytes > maxIndexBytes) {
    throw badCheckpoint(
      `This archive is not an export of saved runs: ${indexName} is missing or too large.`,
      fileName,
    );
  }
  const json = await file.slice(member.begin, member.begin + member.sizeBytes).text();
  return parseIndex(json, `${fileName}, ${indexName}`);
}

function sizeOfIndexed({ chunks }: IndexedFile): number {
  return chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
