// Answers the page's calls about the run of this tab: starting, resuming, stopping, prompting.
// Models and data are in inputs.ts, saved runs in saved-calls.ts.
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { StoreFallback } from "../checkpoint/fallback/switched-store.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import { describeModel } from "../models/describe.ts";
import type { LoadedModel } from "../models/loaded-model.ts";
import { checkAdapter } from "../run/check-adapter.ts";
import { describeData } from "../run/data/describe.ts";
import type { LoadedData } from "../run/data/loaded-data.ts";
import { enginePlanOf } from "../run/device-engine.ts";
import type { RestoredRun } from "../run/events.ts";
import { newRun } from "../run/new-run.ts";
import { datasetFor, refuseOtherSplit, samplePromptOf } from "../run/plan.ts";
import { Run, type RunParts } from "../run/run.ts";
import { betterThanLast } from "../run/saved-step.ts";
import { endOf } from "../train/end.ts";
import { invariant } from "../util/assert.ts";
import { UserError } from "../util/errors.ts";
import { fetched, once } from "../util/later.ts";
import { BaseNames } from "./base/base-names.ts";
import { DataCalls } from "./data-calls.ts";
import type { Exports } from "./export/exports.ts";
import { Generations } from "./generations.ts";
import { Inputs, isModelOf, type InputsParts } from "./inputs.ts";
import type { Calls } from "./protocol.ts";
import { RunLock } from "./run-lock.ts";
import { SavedCalls } from "./saved-calls.ts";
import { chooseSaves } from "./saves/choose-saves.ts";
import { isRunHeld } from "./tab-lock.ts";

export interface SessionParts extends Omit<
  InputsParts,
  "store" | "refuseWhileActive" | "freeRunDevice"
> {
  store: CheckpointStore;
  /** What takes the place of a store that cannot be opened; the page has it. */
  fallback?: StoreFallback;
}

export class Session {
  /** Calls on saved runs, except resuming one. */
  readonly saved: SavedCalls;
  /** Calls on the engine, model and data of the next run. */
  readonly inputs: Inputs;
  /** Calls on the name of the base model. */
  readonly base: BaseNames;
  /** Calls on the rows of the loaded data. */
  readonly data: DataCalls;
  /** Calls on files to download, whose code comes with the first of them. */
  readonly exports: () => Promise<Exports>;
  readonly #parts: SessionParts;
  readonly #generations = new Generations();
  readonly #lock = new RunLock((reason) => {
    void this.#surrender(reason);
  });
  #run: Run | null = null;
  /** Whether a run is being prepared or saved under the lock. */
  #isHolding = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.saved = new SavedCalls(parts.store, parts.emit);
    this.inputs = new Inputs({
      ...parts,
      refuseWhileActive: () => {
        this.#refuseWhileActive();
      },
      freeRunDevice: () => this.#freeRunDevice(),
    });
    this.data = new DataCalls(this.inputs);
    const { inputs } = this;
    this.base = new BaseNames({
      model: () => inputs.loadedModel,
      run: () => this.#run,
      isModelOf,
      note: (identity, name) => inputs.noteHubName(identity, name),
      cancellable: (work) => inputs.cancellable(work),
    });
    this.exports = once(async () => {
      const { Exports } = await fetched(import("./export/exports.ts"));
      return new Exports({
        run: () => this.#run,
        store: parts.store,
        model: () => inputs.loadedModel,
        data: () => inputs.loadedData,
        named: (identity) => this.base.named(identity),
        emit: parts.emit,
        inputs,
        wasmPaths: parts.wasmPaths,
        onDevice: (work) => this.#onFreeDevice(work),
      });
    });
  }

  async chooseSaves(
    params: Calls["chooseSaves"]["params"],
  ): Promise<Calls["chooseSaves"]["result"]> {
    this.#refuseWhileActive();
    return await chooseSaves(params, this.#parts.store, this.#fallback());
  }

  async deleteAside({ name }: Calls["deleteAside"]["params"]): Promise<string[]> {
    await this.#fallback().deleteAside(name);
    return await this.#fallback().listAside();
  }

  #fallback(): StoreFallback {
    const { fallback } = this.#parts;
    invariant(fallback !== undefined, "the page's store has a fallback");
    return fallback;
  }

  async start(params: Calls["start"]["params"]): Promise<Calls["start"]["result"]> {
    this.#refuseWhileActive();
    this.#refuseToDropUnsaved();
    void this.inputs.timing.cancel();
    return await this.#holdingLock(async () => {
      const { model, data } = this.inputs;
      const { state, dataset, words } = await newRun(model, data, params, this.inputs.tokens);
      const { samplePrompt } = params;
      const run = await this.#openRun(state, model, data, { dataset, samplePrompt });
      run.begin();
      const { totalSteps } = state.trainer;
      return { runId: state.runId, totalSteps, verdict: run.verdict, words };
    });
  }

  async pause(): Promise<null> {
    await this.#currentRun().interrupt("pause");
    return null;
  }

  async resume(): Promise<null> {
    const run = this.#currentRun();
    this.#refuseWhileActive();
    await this.#holdingLock(() => {
      run.begin();
    });
    return null;
  }

  async stop(): Promise<null> {
    const run = this.#currentRun();
    // An active run holds the lock already.
    await (run.isActive ? run.interrupt("stop") : this.#holdingLock(() => run.interrupt("stop")));
    return null;
  }

  skip(): null {
    this.#run?.skip();
    return null;
  }

  save(): null {
    this.#run?.requestSave();
    return null;
  }

  async takeOver(): Promise<null> {
    this.#refuseWhileActive();
    await this.#lock.acquire({ takeOver: true });
    return null;
  }

  /**
   * Opens a saved run, paused. The order matters: the lock comes first, because a run in another
   * tab may delete the checkpoint; then the checkpoint, which names model and data by hash; then
   * both of these, and the data set, tokenised for the day on which the run was started. What is
   * loaded stays when it fails.
   */
  async restore({ key }: Calls["restore"]["params"]): Promise<RestoredRun> {
    this.#refuseWhileActive();
    this.#refuseToDropUnsaved();
    return await this.#holdingLock(async () => {
      const state = await this.#parts.store.loadCheckpoint(key);
      const model = await this.inputs.modelOf(state);
      await this.base.agree(state.base, model);
      const data = await this.inputs.dataOf(state);
      const heldOutRows = state.data.heldOutLines.length;
      const { recipe, startedAt } = state;
      const { tokens } = this.inputs;
      const dataset = await datasetFor(model, data, recipe, startedAt, tokens, heldOutRows);
      await refuseOtherSplit(state, data, dataset);
      const samplePrompt = await samplePromptOf(data, dataset);
      const run = await this.#openRun(state, model, data, { dataset, samplePrompt });
      const { runId, trainer } = state;
      const end = endOf(trainer, recipe);
      return {
        runId,
        recipe,
        step: trainer.step,
        totalSteps: trainer.totalSteps,
        end,
        better: end === null ? null : await betterThanLast(this.#parts.store, state),
        verdict: run.verdict,
        log: trainer.log,
        model: describeModel(model),
        data: describeData(data),
      };
    });
  }

  async generate({
    requestId,
    ...question
  }: Calls["generate"]["params"]): Promise<Calls["generate"]["result"]> {
    const onText = (text: string) => {
      this.#parts.emit({ kind: "token", requestId, text });
    };
    return await this.#generations.during(requestId, async (signal) => {
      await this.inputs.timing.cancel();
      return this.#run === null
        ? await this.inputs.answerBase(question, onText, signal)
        : await this.#run.answer(question, onText, signal);
    });
  }

  cancelGenerate({ requestId }: Calls["cancelGenerate"]["params"]): null {
    this.#generations.cancel(requestId);
    return null;
  }

  /** Replaces the current run; to be called under the lock. */
  async #openRun(
    state: RunState,
    model: LoadedModel,
    data: LoadedData,
    given: Pick<RunParts, "dataset" | "samplePrompt">,
  ): Promise<Run> {
    checkAdapter(state, model);
    await this.inputs.freeDevice();
    await this.#run?.release();
    const { store, wasmPaths } = this.#parts;
    const { device } = this.inputs;
    const run = new Run({
      ...given,
      state,
      dataBlob: (await data.saved()).blob,
      form: given.dataset.promptForm,
      enginePlan: enginePlanOf(model, given.dataset, state.recipe, { device, wasmPaths }),
      takeAhead: () => this.inputs.ahead.take(),
      store,
      write: (work) => this.#lock.write(work),
      emit: (event) => {
        // Other tabs may train once this run is over, unless the next one has begun here.
        if (event.kind === "run" && run.isOver && this.#run === run) {
          this.#lock.release();
        }
        this.#parts.emit(event);
      },
    });
    this.#lock.requireHeld();
    this.#run = run;
    return run;
  }

  /**
   * Does work on the browser's one run under the lock, one at a time. The lock is released where
   * this tab has no run to resume afterwards.
   */
  async #holdingLock<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#isHolding) {
      throw new UserError("busy", "A run is being prepared or saved.", {
        remedy: "Wait until that is done, then try again.",
      });
    }
    this.#isHolding = true;
    try {
      await this.#lock.acquire();
      return await work();
    } finally {
      this.#isHolding = false;
      if (this.#run === null || this.#run.isOver) {
        this.#lock.release();
      }
    }
  }

  /** No run begins meanwhile; one at rest opens its device again when it goes on. */
  async #onFreeDevice<T>(work: () => Promise<T>): Promise<T> {
    this.#refuseWhileActive();
    return await this.#holdingLock(async () => {
      await this.inputs.freeDevice();
      await this.#run?.release();
      return await work();
    });
  }

  /** Another tab has the run: the state in memory here is soon out of date. */
  async #surrender(reason: UserError): Promise<void> {
    const run = this.#run;
    this.#run = null;
    await run?.surrender(reason);
  }

  /** A run that can go on keeps its device; so does one of another tab. */
  async #freeRunDevice(): Promise<boolean> {
    const run = this.#run;
    const isFree = !this.#isHolding && (run === null || run.isOver) && !(await isRunHeld());
    await (isFree && run?.release());
    return isFree;
  }

  #currentRun(): Run {
    if (this.#run === null) {
      throw new UserError("no-adapter", "There is no run.", {
        remedy: "Start a run or resume a saved one.",
      });
    }
    return this.#run;
  }

  #refuseWhileActive(): void {
    if (this.#run?.isActive) {
      throw new UserError("busy", "A run is in progress.", { remedy: "Pause or stop it first." });
    }
  }

  /** The next run replaces the current one. */
  #refuseToDropUnsaved(): void {
    if (this.#run?.isUnsaved) {
      throw new UserError("busy", "The last run is not saved.", {
        remedy: "Free some storage and save it, or reload the page to discard it.",
      });
    }
  }
}
