// The checkpoints of every run, and the data sets they were trained on, in the browser's IndexedDB.
// A save is durable before anything older is deleted, and what is read is verified byte for byte.
import { maxChunkBytes } from "./chunks.ts";
import { decodeCheckpoint, encodeCheckpoint } from "./container.ts";
import { loadDataFile, saveDataFile } from "./data-files.ts";
import type { PayloadStore } from "./payload-store.ts";
import type { DataIdentity, RunState } from "./run-state.ts";
import {
  deleteRun,
  listRuns,
  readNewestValid,
  readRun,
  readRunFile,
  thinOut,
  writeRun,
  type LoadedRun,
} from "./saved-runs.ts";
import { strictStore } from "./strict-store.ts";
import type { CheckpointSummary } from "./summary.ts";
import { writeLock } from "./write-lock.ts";

export interface CheckpointStore {
  /**
   * Stores a run as its newest checkpoint. When it resolves, the checkpoint survives a power cut.
   * The state is copied before the call returns, so it may change while the save goes on.
   * @throws UserError "non-finite-loss", "quota"; nothing is stored then and older checkpoints are untouched
   */
  saveCheckpoint(run: RunState, signal?: AbortSignal): Promise<CheckpointSummary>;
  /** Newest first. One whose manifest is damaged is left out; a damaged payload is found when it is read. */
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
  /** Deletes a checkpoint, and its data set when no other refers to it. Nothing happens when it is not there. */
  deleteCheckpoint(key: string): Promise<void>;
  /**
   * Deletes all of a run but the newest `saveTotalLimit` (from 1) and the best by held-out loss; of two at one step
   * the older goes. To be called after a save.
   */
  retain(runId: string, saveTotalLimit: number): Promise<void>;
  /**
   * Keeps a data set. Nothing happens when it is there, so it can be called before every save.
   * @throws UserError "quota"
   */
  saveDataFile(identity: DataIdentity, file: Blob, signal?: AbortSignal): Promise<void>;
  /** A kept data set, verified; null when there is none or it was damaged: the person has to choose the file. */
  loadDataFile(sha256: string, signal?: AbortSignal): Promise<Blob | null>;
  /** Ends the connection; the next call opens a new one. */
  close(): Promise<void>;
}

/**
 * The store of this name; the database is opened at the first call.
 * @param chunkBytes size of the pieces payloads are stored in; only tests make it smaller
 */
export function openStore(databaseName: string, chunkBytes = maxChunkBytes): CheckpointStore {
  const { use, close } = strictStore(databaseName);
  const store: PayloadStore = { use, lock: writeLock(`${databaseName} writer`), chunkBytes };
  return {
    async saveCheckpoint(run, signal) {
      return writeRun(encodeCheckpoint(run), run, store, signal);
    },
    listCheckpoints: () => listRuns(store),
    loadCheckpoint: (key, signal) => readRun(key, store, signal),
    loadNewestValid: (runId, signal) => readNewestValid(runId, store, signal),
    readCheckpointBlob: (key, signal) => readRunFile(key, store, signal),
    async importCheckpoint(file, fileName, signal) {
      return writeRun(file, await decodeCheckpoint(file, fileName, signal), store, signal);
    },
    deleteCheckpoint: (key) => deleteRun(key, store),
    retain: (runId, saveTotalLimit) => thinOut(runId, saveTotalLimit, store),
    saveDataFile: (identity, file, signal) => saveDataFile(identity, file, store, signal),
    loadDataFile: (sha256, signal) => loadDataFile(sha256, store, signal),
    close,
  };
}
