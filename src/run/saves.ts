// The saves of a run: the safe state that a failure goes back to, which this tab holds, and the
// newest step that the database has.
import type { AdapterState } from "../adapter/state.ts";
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { CheckpointSummary } from "../checkpoint/file/summary.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import { endOf } from "../train/end.ts";
import { hasCode, toPlain, type PlainError } from "../util/errors.ts";
import type { RunEvent, SaveReason } from "./events.ts";
import { saveDue } from "./schedules.ts";
import { isStillSaved, listedInTime, newestSaved } from "./saved-step.ts";
import type { StallWatch } from "./stall-watch.ts";

export interface SaveParts {
  /** The live state of the run. */
  state: RunState;
  /** The data as the run keeps them. */
  dataBlob: Blob;
  store: CheckpointStore;
  /**
   * Does work that writes to the store.
   * @throws UserError "other-tab" when another tab has the run by now; the work is not begun then
   */
  write: <T>(work: () => Promise<T>) => Promise<T>;
  emit: (event: RunEvent) => void;
}

/** Reads the adapter with its moments from the device. Throws where the device is lost. */
export type ReadAdapter = () => Promise<AdapterState>;

export class RunSaves {
  readonly #parts: SaveParts;
  readonly #read: ReadAdapter;
  readonly #watch: StallWatch;
  #safe: RunState;
  /** -1 when no step is saved. */
  #savedStep: number;
  #isRequested = false;
  /** Whether the log of the live state has more than what is saved of its step. */
  #isAmended = false;
  /** When the last save ended, or the run began; a clock decides when to save, never what. */
  #sinceMs = performance.now();

  constructor(parts: SaveParts, read: ReadAdapter, watch: StallWatch) {
    this.#parts = parts;
    this.#read = read;
    this.#watch = watch;
    this.#safe = snapshotOf(parts.state);
    const { step } = parts.state.trainer;
    this.#savedStep = step > 0 ? step : -1; // past step 0 it comes from a checkpoint
  }

  /** The step of the live state, and whether it is saved, as far as this tab knows. */
  get latest(): { step: number; isSaved: boolean } {
    const { step } = this.#parts.state.trainer;
    return { step, isSaved: step === this.#savedStep };
  }

  /** Whether the live state is safe, as a sentence for the person. */
  get safetyWords(): string {
    const { step, isSaved } = this.latest;
    return isSaved || step === 0
      ? `Your run is safe at step ${step}.`
      : `Your run is at step ${step}, which only this tab holds: it is not saved.`;
  }

  /** Makes the state that the device has now the safe state, without saving it. */
  async holdState(): Promise<void> {
    const { state } = this.#parts;
    state.adapter = await this.#read();
    this.#safe = snapshotOf(state);
  }

  /** The log of the live state has gained a measurement, which the next `save` saves too. */
  amend(): void {
    this.#isAmended = true;
    const { state } = this.#parts;
    if (this.#safe.trainer.step === state.trainer.step) {
      this.#safe = snapshotOf({ ...state, adapter: this.#safe.adapter });
    }
  }

  /** The safe state has the name of the base model too, which is said at any time. */
  nameBase(hubName: string | null): void {
    this.#parts.state.base.hubName = this.#safe.base.hubName = hubName;
  }

  /** Resets the live state to the safe state. */
  goBack(): void {
    Object.assign(this.#parts.state, snapshotOf(this.#safe));
  }

  /** The run trains from now on: time at rest does not count for the next save. */
  begin(): void {
    this.#sinceMs = performance.now();
  }

  /** Makes the next `saveWhenDue` a save, because the page is being hidden. */
  request(): void {
    this.#isRequested = true;
  }

  /**
   * Saves where that was requested, or where the recipe saves after this step.
   * @param isStep whether a step was made just now
   */
  async saveWhenDue(isStep: boolean): Promise<void> {
    const { recipe, trainer } = this.#parts.state;
    const due = saveDue(recipe, trainer.step, performance.now() - this.#sinceMs);
    if (this.#isRequested) {
      await this.save("hidden");
    } else if (isStep && due !== null && endOf(trainer, recipe) === null) {
      await this.save(due);
    }
    this.#isRequested = false;
  }

  /**
   * Saves the live state unless it is saved, amendments included. The adapter of the safe state is
   * not read from the device again, which may be gone. A save that fails leaves the state safe in
   * memory; the run continues.
   * @throws UserError "non-finite-loss", "other-tab", and what reading the adapter throws
   */
  async save(reason: SaveReason): Promise<void> {
    if ((await this.#isSaved()) && !this.#isAmended) {
      return;
    }
    const { state, store, write, emit } = this.#parts;
    const { step } = state.trainer;
    if (this.#safe.trainer.step !== step) {
      state.adapter = await this.#read();
    }
    const snapshot = snapshotOf(state);
    try {
      const saved = await this.#watch.during("save", () => write(() => this.#store()));
      this.#safe = snapshot;
      this.#savedStep = step;
      this.#isAmended = false;
      // The save is done, whether or not the browser can list it now.
      const checkpoints = await listedInTime(store);
      emit({ kind: "saved", reason, ...saved, checkpoints });
    } catch (error) {
      if (hasCode(error, "non-finite-loss") || hasCode(error, "other-tab")) {
        throw error;
      }
      this.#safe = snapshot;
      emit({ kind: "saveFailed", step, error: toPlain(error) });
    } finally {
      this.#sinceMs = performance.now();
    }
  }

  /**
   * Goes back to the safe state of a run that failed, and saves it unless it is saved.
   * @returns the newest saved step by the database's own account: it may have been deleted since
   */
  async rescue(failure: unknown): Promise<number | null> {
    this.goBack();
    const { state, store } = this.#parts;
    if (!hasCode(failure, "other-tab") && state.trainer.step > 0) {
      // The person needs to see `failure`, not an error of this save.
      await this.save("stop").catch(() => undefined);
    }
    return await newestSaved(store, state.runId, this.#savedStep >= 0 ? this.#savedStep : null);
  }

  /** A saved step may have been deleted since. */
  async #isSaved(): Promise<boolean> {
    const { step, isSaved } = this.latest;
    if (isSaved && !(await isStillSaved(this.#parts.store, this.#parts.state.runId, step))) {
      this.#savedStep = -1;
    }
    return this.latest.isSaved;
  }

  /** Saves the run even where its data set does not fit: that file can be chosen again. */
  async #store(): Promise<{ checkpoint: CheckpointSummary; dataError: PlainError | null }> {
    const { state, dataBlob, store } = this.#parts;
    const dataError = await store.saveDataFile(state.data, dataBlob).then(() => null, toPlain);
    const checkpoint = await store.saveCheckpoint(state);
    // The save is done; checkpoints that cannot be deleted now are deleted after the next one.
    await store.retain(state.runId, state.recipe.saveTotalLimit).catch(() => undefined);
    return { checkpoint, dataError };
  }
}

/** A copy of the state. It shares the adapter, which is replaced and never written into. */
export function snapshotOf({ adapter, ...rest }: RunState): RunState {
  return { ...structuredClone(rest), adapter };
}
