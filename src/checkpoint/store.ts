// The checkpoints of every run, and the data sets they were trained on, in the browser's IndexedDB.
// A save is durable before anything older is deleted, and what is read is verified byte for byte.
import { blobSource } from "../formats/byte-source.ts";
import { exportRuns, importRuns, type Backup, type ImportedRuns } from "./backup.ts";
import { maxChunkBytes } from "./database/chunks.ts";
import { checkpointFile, decodeCheckpoint } from "./file/container.ts";
import { loadDataFile, saveDataFile } from "./data-files.ts";
import { deleteCheckpoint, deleteRun, setPinned, thinOut } from "./housekeeping.ts";
import { hasKillPoints, reach } from "./database/kill-points.ts";
import { fileSlots } from "./mirror/mirror-file.ts";
import { mirrorIn, type MirrorSlots } from "./mirror/mirror.ts";
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
import { strictStore, type DatabaseTimeouts } from "./database/strict-store.ts";
import type { CheckpointSummary } from "./file/summary.ts";
import { usageOf, type Usage } from "./usage.ts";
import { verifyPayloads, type Verdict, type VerifyOptions } from "./verify.ts";
import { writeLock } from "./database/write-lock.ts";

export interface CheckpointStore {
  /**
   * To be called once, first: restores what it can, and says what is saved, what is damaged and
   * what was lost. Reads no payload, so it is quick.
   */
  open(): Promise<StoreReport>;
  /** The losses of `open` were told: they are not reported again. */
  dismissDataLosses(): Promise<void>;
  /**
   * Stores a run as its newest checkpoint. When it resolves, the checkpoint survives a power cut.
   * All but the tensors is copied before the call returns; the tensors must not change until it
   * resolves.
   * @throws UserError "non-finite-loss", "quota", "busy" when the database does not answer; nothing
   *   is stored then and older checkpoints are untouched. Error when a tensor changed, the same.
   */
  saveCheckpoint(run: RunState, signal?: AbortSignal): Promise<CheckpointSummary>;
  /**
   * Newest first. One whose manifest is damaged is left out; a damaged payload is found when it is
   * read.
   */
  listCheckpoints(): Promise<CheckpointSummary[]>;
  /** @throws UserError "bad-checkpoint" when it is not there or damaged */
  loadCheckpoint(key: string, signal?: AbortSignal): Promise<RunState>;
  /**
   * The newest checkpoint of a run that verifies; null when the run has none.
   * @throws UserError "bad-checkpoint" when it has some and every one is damaged
   */
  loadNewestValid(runId: string, signal?: AbortSignal): Promise<LoadedRun | null>;
  /**
   * The file for a download (its name: `checkpointFileName` in container.ts), verified.
   * @throws UserError "bad-checkpoint" when it is not there or damaged
   */
  readCheckpointBlob(key: string, signal?: AbortSignal): Promise<Blob>;
  /**
   * Stores a checkpoint file as it is, after all of it was read and checked.
   * @throws UserError as `decodeCheckpoint`, or "quota"; nothing is stored then
   */
  importCheckpoint(file: Blob, fileName: string, signal?: AbortSignal): Promise<CheckpointSummary>;
  /**
   * Deletes a checkpoint, pinned or not, and its data set when no other refers to it. Nothing
   * happens when it is not there.
   */
  deleteCheckpoint(key: string): Promise<void>;
  /**
   * Deletes all of a run, pinned checkpoints too, and its data set when no other run refers to it.
   */
  deleteRun(runId: string): Promise<void>;
  /**
   * Keeps a checkpoint whatever the retention rules say, or no longer.
   * @throws UserError "bad-checkpoint" when it is not there or damaged
   */
  setPinned(key: string, isPinned: boolean): Promise<void>;
  /**
   * Deletes all of a run but the newest `saveTotalLimit` (from 1), the best by held-out loss and
   * the pinned; of two at one step the older goes. At least two that were read back whole stay. To
   * be called after a save.
   */
  retain(runId: string, saveTotalLimit: number, signal?: AbortSignal): Promise<void>;
  /** Sizes by run and in all, by our own account. */
  usage(): Promise<Usage>;
  /**
   * Compares every stored byte with its SHA-256.
   * @param which keys of checkpoints, or `all`, data sets too
   * @throws UserError "bad-checkpoint" when one of the keys is not there; the signal's AbortError
   */
  verify(which: readonly string[] | "all", options?: VerifyOptions): Promise<Verdict[]>;
  /**
   * Verifies everything, restores what it can, deletes what is broken where something sound is
   * left.
   */
  repair(options?: VerifyOptions): Promise<RepairAction[]>;
  /** All runs and their data sets in one file; what is damaged is left out and named. */
  exportAll(signal?: AbortSignal): Promise<Backup>;
  /**
   * Stores what is not here yet of such a file, with times and pins.
   * @throws UserError "bad-header", "bad-checkpoint", "quota"; what was imported until then stays
   */
  importAll(file: Blob, fileName: string, options?: VerifyOptions): Promise<ImportedRuns>;
  /**
   * Keeps a data set. Nothing happens when it is there, so it can be called before every save.
   * @throws UserError "quota"
   */
  saveDataFile(identity: DataIdentity, file: Blob, signal?: AbortSignal): Promise<void>;
  /**
   * A kept data set, verified; null when there is none or it was damaged: the person has to choose
   * the file.
   */
  loadDataFile(sha256: string, signal?: AbortSignal): Promise<Blob | null>;
  /** Ends the connection; the next call opens a new one. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** Size of the pieces payloads are stored in. */
  chunkBytes?: number;
  /** Where the record outside of the database lies. */
  mirrorSlots?: MirrorSlots;
  timeouts?: DatabaseTimeouts;
}

/**
 * The store of this name; the database is opened at the first call.
 * @param options for tests; the defaults are right everywhere else
 */
export function openStore(databaseName: string, options: StoreOptions = {}): CheckpointStore {
  const { chunkBytes = maxChunkBytes, mirrorSlots = fileSlots(databaseName) } = options;
  const { use, close, dataLossMessage } = strictStore(databaseName, options.timeouts);
  const lock = writeLock(`${databaseName} writer`);
  const mirror = mirrorIn(mirrorSlots);
  const store: PayloadStore = { use, lock, chunkBytes, mirror, verifiedIds: new Set() };
  return {
    open: () => storeReport(store, dataLossMessage),
    dismissDataLosses: () => lock(async () => mirrorOnly(await savedRuns(store), store)),
    async saveCheckpoint(run, signal) {
      const file = checkpointFile(run);
      const confirm = () => {
        file.checkUnchanged();
      };
      return writeRun(file, run, store, { confirm, ...given(signal) });
    },
    listCheckpoints: () => listRuns(store),
    loadCheckpoint: (key, signal) => readRun(key, store, signal),
    loadNewestValid: (runId, signal) => readNewestValid(runId, store, signal),
    readCheckpointBlob: (key, signal) => readRunFile(key, store, signal),
    async importCheckpoint(file, fileName, signal) {
      const run = await decodeCheckpoint(file, fileName, signal);
      if (hasKillPoints) {
        await reach("import-checked");
      }
      return writeRun(blobSource(file, fileName), run, store, given(signal));
    },
    deleteCheckpoint: (key) => deleteCheckpoint(key, store),
    deleteRun: (runId) => deleteRun(runId, store),
    setPinned: (key, isPinned) => setPinned(key, isPinned, store),
    retain: (runId, saveTotalLimit, signal) => thinOut(runId, saveTotalLimit, store, signal),
    usage: () => usageOf(store),
    verify: (which, verifyOptions) => verifyPayloads(which, store, verifyOptions),
    repair: (repairOptions = {}) => repairStore(store, repairOptions),
    exportAll: (signal) => exportRuns(store, signal),
    importAll: (file, fileName, importOptions) => importRuns(file, fileName, store, importOptions),
    saveDataFile: (identity, file, signal) => saveDataFile(identity, file, store, signal),
    loadDataFile: (sha256, signal) => loadDataFile(sha256, store, signal),
    close,
  };
}

function given(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
