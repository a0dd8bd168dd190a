// What of a run is safe: the newest state known to be good, in this tab, and the step of it that
// the database has.
import type { AdapterState } from "../adapter/state.ts";
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import type { CheckpointSummary } from "../checkpoint/file/summary.ts";
import { hasCode, toPlain, type PlainError } from "../util/errors.ts";
import type { LoadedData } from "./data-file.ts";
import { isStillSaved, listedInTime, newestSaved } from "./saved-step.ts";
import type { WaitWatch } from "./stall-watch.ts";
import type { SaveReason, RunEvent } from "./events.ts";

export interface SaveParts {
  /** Of the run, as it goes on. */
  state: RunState;
  data: LoadedData;
  store: CheckpointStore;
  /**
   * Does what writes to the store. @throws UserError "other-tab" when this tab must not write any
   * more
   */
  write: <T>(work: () => Promise<T>) => Promise<T>;
  emit: (event: RunEvent) => void;
}

/** Reads the adapter with its moments from the device. */
type ReadAdapter = () => Promise<AdapterState>;

export class RunSaves {
  readonly #parts: SaveParts;
  readonly #watch: WaitWatch;
  #safe: RunState;
  /** -1 when there is none. */
  #savedStep: number;

  constructor(parts: SaveParts, watch: WaitWatch) {
    this.#parts = parts;
    this.#watch = watch;
    this.#safe = asItStands(parts.state);
    const { step } = parts.state.trainer;
    this.#savedStep = step > 0 ? step : -1; // past step 0 it comes from a checkpoint
  }

  /** Where the run stands, as far as it was remembered. */
  get standing(): { step: number; isSaved: boolean } {
    const { step } = this.#parts.state.trainer;
    return { step, isSaved: step === this.#savedStep };
  }

  /** Makes what the device has now what a lost device goes back to. */
  async keep(read: ReadAdapter): Promise<void> {
    const { state } = this.#parts;
    state.adapter = await read();
    this.#safe = asItStands(state);
  }

  /** Puts the run back to its safe state. */
  goBack(): void {
    Object.assign(this.#parts.state, asItStands(this.#safe));
  }

  /**
   * Saves the run where it stands, unless that is saved. What is safe is not read from the device,
   * which may be gone. A save that fails for want of room leaves the run going, in memory.
   * @throws UserError "non-finite-loss", "other-tab", and what `read` throws
   */
  async save(reason: SaveReason, read: ReadAdapter): Promise<void> {
    if (await this.#isSaved()) {
      return;
    }
    const { state, store, write, emit } = this.#parts;
    const { step } = state.trainer;
    if (this.#safe.trainer.step !== step) {
      state.adapter = await read();
    }
    const snapshot = asItStands(state);
    try {
      const saved = await this.#watch.during("save", () => write(() => this.#store()));
      this.#safe = snapshot;
      this.#savedStep = step;
      // The save is done, whether or not the browser lists it now.
      const checkpoints = await listedInTime(store);
      emit({ kind: "saved", reason, ...saved, checkpoints });
    } catch (error) {
      if (hasCode(error, "non-finite-loss") || hasCode(error, "other-tab")) {
        throw error;
      }
      this.#safe = snapshot;
      emit({ kind: "saveFailed", step, error: toPlain(error) });
    }
  }

  /**
   * Goes back to the safe state of a run that failed, and saves it unless it is saved.
   * @returns the newest step that is saved, as the database has it: it may be gone by now
   */
  async rescue(failure: unknown): Promise<number | null> {
    this.goBack();
    const { state, store } = this.#parts;
    if (!hasCode(failure, "other-tab") && state.trainer.step > 0) {
      const { adapter } = state;
      // What made the run fail is to be told, not this.
      await this.save("stop", () => Promise.resolve(adapter)).catch(() => undefined);
    }
    return await newestSaved(store, state.runId, this.#savedStep >= 0 ? this.#savedStep : null);
  }

  /** What was saved may have been deleted since. */
  async #isSaved(): Promise<boolean> {
    const { step, isSaved } = this.standing;
    if (isSaved && !(await isStillSaved(this.#parts.store, this.#parts.state.runId, step))) {
      this.#savedStep = -1;
    }
    return this.standing.isSaved;
  }

  /** A data set that finds no room is no reason to lose the run: its file can be chosen again. */
  async #store(): Promise<{ checkpoint: CheckpointSummary; dataError: PlainError | null }> {
    const { state, data, store } = this.#parts;
    const dataError = await store.saveDataFile(state.data, data.blob).then(() => null, toPlain);
    const checkpoint = await store.saveCheckpoint(state);
    // The save is done; what cannot be thinned out now is after the next one.
    await store.retain(state.runId, state.recipe.saveTotalLimit).catch(() => undefined);
    return { checkpoint, dataError };
  }
}

/**
 * A copy that further steps leave alone. It shares the adapter, which is replaced and never written
 * into.
 */
export function asItStands({ adapter, ...rest }: RunState): RunState {
  return { ...structuredClone(rest), adapter };
}
