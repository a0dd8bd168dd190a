// Stores the checkpoints of every run and the data sets they were trained on in IndexedDB.
import { blobSource, heardSource } from "../formats/byte-source.ts";
import type { Backup } from "./archive/export-runs.ts";
import type { ImportedRuns } from "./archive/import-runs.ts";
import { maxChunkBytes } from "./database/chunks.ts";
import { checkpointFile, decodeSource } from "./file/container.ts";
import { loadDataFile, saveDataFile } from "./data-files.ts";
import { deleteCheckpoint, deleteRun, renameRun, setPinned, thinOut } from "./housekeeping.ts";
import { reach } from "./database/kill-points.ts";
import { fileSlots } from "./mirror/mirror-file.ts";
import { Mirror, type MirrorSlots } from "./mirror/mirror.ts";
import { mirrorOnly } from "./mirror/mirror-sync.ts";
import { storeReport, type StoreReport } from "./store-report.ts";
import type { PayloadStore } from "./database/payload-store.ts";
import { repairStore, type RepairAction } from "./repair.ts";
import type { DataIdentity, RunState } from "./file/run-state.ts";
import {
  listRuns,
  readNewestValid,
  readRun,
  readRunFile,
  savedRuns,
  writeRun,
  type LoadedRun,
} from "./saved-runs.ts";
import { StrictStore, type DatabaseTimeouts } from "./database/strict-store.ts";
import type { CheckpointSummary } from "./file/summary.ts";
import { usageOf, type Usage } from "./usage.ts";
import { verifyPayloads, type Verdict, type VerifyOptions } from "./verify.ts";
import { writeLock } from "./database/write-lock.ts";
import { fetched } from "../util/later.ts";

/**
 * A payload (a checkpoint file or a data set) is stored as chunks, each in its own transaction and
 * with its SHA-256, then a manifest that lists them. The manifest comes last because a transaction
 * of a whole payload would need several times its size in memory: a payload exists once its
 * manifest is durable, so a killed save leaves chunks without a manifest, which the next save
 * collects, and every older checkpoint is untouched. Checkpoints of a run share the chunks of their
 * log that they have alike (file/log-pieces.ts).
 *
 * A reader may assume that what it gets is byte for byte what was saved: every chunk is compared
 * with its hash on each read. It must not assume that a listed checkpoint can be read: browsers
 * lose and damage data, and only reading finds a damaged chunk.
 */
export interface CheckpointStore {
  /**
   * Must be called once, first: restores what it can and reports what is saved, damaged or lost.
   * Fast, because it reads no payload.
   */
  open(): Promise<StoreReport>;
  /** Dismisses the data losses that `open` reported: they are not reported again. */
  dismissDataLosses(): Promise<void>;
  /**
   * Stores a run as its newest checkpoint, which survives a power cut once the promise resolves.
   * Everything but the tensors is copied before the call returns; the tensors must not change until
   * it resolves.
   * @throws UserError "non-finite-loss", "quota", "busy" when the database does not answer; Error
   *   when a tensor changed. Nothing is stored then, and older checkpoints are untouched.
   */
  saveCheckpoint(run: RunState, signal?: AbortSignal): Promise<CheckpointSummary>;
  /**
   * Newest first, without those whose manifest is damaged. A damaged payload is found when it is
   * read.
   */
  listCheckpoints(): Promise<CheckpointSummary[]>;
  /** @throws UserError "bad-checkpoint" when it is missing or damaged */
  loadCheckpoint(key: string, signal?: AbortSignal): Promise<RunState>;
  /**
   * The newest checkpoint of a run that verifies; null when the run has none.
   * @throws UserError "bad-checkpoint" when all of its checkpoints are damaged
   */
  loadNewestValid(runId: string, signal?: AbortSignal): Promise<LoadedRun | null>;
  /**
   * The verified file for a download (for its name see `checkpointFileName` in container.ts).
   * @throws UserError "bad-checkpoint" when it is missing or damaged
   */
  readCheckpointBlob(key: string, signal?: AbortSignal): Promise<Blob>;
  /**
   * Stores a checkpoint file unchanged, after all of it was read and checked. Every byte counts
   * twice in the progress: once read, once stored.
   * @throws UserError as `decodeCheckpoint`, or "quota"; nothing is stored then
   */
  importCheckpoint(
    file: Blob,
    fileName: string,
    options?: VerifyOptions,
  ): Promise<CheckpointSummary>;
  /**
   * Deletes a checkpoint, pinned or not, and its data set when no other checkpoint refers to it.
   * Without effect when it is missing.
   */
  deleteCheckpoint(key: string): Promise<void>;
  /**
   * Deletes all checkpoints of a run, also pinned ones, and its data set when no other run refers
   * to it.
   */
  deleteRun(runId: string): Promise<void>;
  /**
   * Pins a checkpoint, which exempts it from retention, or unpins it.
   * @throws UserError "bad-checkpoint" when it is missing or damaged
   */
  setPinned(key: string, isPinned: boolean): Promise<void>;
  /** Names a run in all its checkpoints, and in those to come; null takes the name back. */
  renameRun(runId: string, name: string | null): Promise<void>;
  /**
   * Deletes all checkpoints of a run but the newest `saveTotalLimit` (from 1), the best by held-out
   * loss and the pinned; of two at one step the older is deleted. At least two that were read back
   * and verified stay. To be called after a save.
   */
  retain(runId: string, saveTotalLimit: number, signal?: AbortSignal): Promise<void>;
  /** Sizes of each run and in total, summed from the manifests. */
  usage(): Promise<Usage>;
  /**
   * Compares every stored byte with its SHA-256.
   * @param which keys of checkpoints, or `all`, which includes data sets
   * @throws UserError "bad-checkpoint" when one of the keys is missing; the signal's AbortError
   */
  verify(which: readonly string[] | "all", options?: VerifyOptions): Promise<Verdict[]>;
  /**
   * Verifies everything, restores what it can, and deletes a broken checkpoint where its run has a
   * sound one.
   */
  repair(options?: VerifyOptions): Promise<RepairAction[]>;
  /** All runs and their data sets in one file; damaged ones are left out and named. */
  exportAll(options?: VerifyOptions): Promise<Backup>;
  /**
   * Stores what is missing here from such a file, with times and pins. What cannot be used is left
   * out and named.
   * @throws UserError "bad-header" or "bad-checkpoint" when it is no such file; "quota" and the
   *   signal's AbortError: earlier imports stay
   */
  importAll(file: Blob, fileName: string, options?: VerifyOptions): Promise<ImportedRuns>;
  /**
   * Stores a data set. Without effect when it is stored, so it can be called before every save.
   * @throws UserError "quota"
   */
  saveDataFile(identity: DataIdentity, file: Blob, signal?: AbortSignal): Promise<void>;
  /**
   * A stored data set, verified; null when it is missing or damaged: the person must choose the
   * file again.
   */
  loadDataFile(sha256: string, signal?: AbortSignal): Promise<Blob | null>;
  /** Ends the connection; the next call opens a new one. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** Size of the chunks of a payload. */
  chunkBytes?: number;
  /** Storage of the mirror, which is outside of the database. */
  mirrorSlots?: MirrorSlots;
  timeouts?: DatabaseTimeouts;
  /** In place of the database with the store's name. */
  database?: Database;
}

/** Transactions on one object store, as StrictStore gives them. */
export interface Database {
  use: PayloadStore["use"];
  dataLossMessage: string | null;
  close(): Promise<void>;
}

/**
 * The store with this name; the database is opened by the first call.
 * @param options for tests, and for what takes the place of a database (fallback/)
 */
export function openStore(databaseName: string, options: StoreOptions = {}): CheckpointStore {
  const { chunkBytes = maxChunkBytes, mirrorSlots = fileSlots(databaseName) } = options;
  const database = options.database ?? new StrictStore(databaseName, options.timeouts);
  const lock = writeLock(`${databaseName} writer`);
  const mirror = new Mirror(mirrorSlots);
  const store: PayloadStore = {
    use: database.use,
    lock,
    chunkBytes,
    mirror,
    verifiedIds: new Set(),
    startLosses: new Map(),
  };
  return {
    open: () => storeReport(store, () => database.dataLossMessage),
    dismissDataLosses: () => lock(async () => mirrorOnly(await savedRuns(store), store)),
    async saveCheckpoint(run, signal) {
      return writeRun(checkpointFile(run), run, store, signal);
    },
    listCheckpoints: () => listRuns(store),
    loadCheckpoint: (key, signal) => readRun(key, store, signal),
    loadNewestValid: (runId, signal) => readNewestValid(runId, store, signal),
    readCheckpointBlob: (key, signal) => readRunFile(key, store, signal),
    async importCheckpoint(file, fileName, { signal, progress } = {}) {
      const totalBytes = 2 * file.size;
      let doneBytes = 0;
      const source = heardSource(blobSource(file, fileName), (sizeBytes) => {
        doneBytes = Math.min(totalBytes, doneBytes + sizeBytes);
        progress?.(doneBytes, totalBytes);
      });
      const run = await decodeSource(source, signal);
      await reach?.("import-checked");
      return writeRun(source, run, store, signal);
    },
    deleteCheckpoint: (key) => deleteCheckpoint(key, store),
    deleteRun: (runId) => deleteRun(runId, store),
    setPinned: (key, isPinned) => setPinned(key, isPinned, store),
    renameRun: (runId, name) => renameRun(runId, name, store),
    retain: (runId, saveTotalLimit, signal) => thinOut(runId, saveTotalLimit, store, signal),
    usage: () => usageOf(store),
    verify: (which, verifyOptions) => verifyPayloads(which, store, verifyOptions),
    repair: (repairOptions = {}) => repairStore(store, repairOptions),
    async exportAll(exportOptions) {
      const { exportRuns } = await fetched(import("./archive/export-runs.ts"));
      return await exportRuns(store, exportOptions);
    },
    async importAll(file, fileName, importOptions) {
      const { importRuns } = await fetched(import("./archive/import-runs.ts"));
      return await importRuns(file, fileName, store, importOptions);
    },
    saveDataFile: (identity, file, signal) => saveDataFile(identity, file, store, signal),
    loadDataFile: (sha256, signal) => loadDataFile(sha256, store, signal),
    close: () => database.close(),
  };
}
