// One run from its first step, or from a checkpoint, to its last: the loop around the training
// loop. Phases are in phase.ts, the device in device-keeper.ts, saved state in saves.ts.
import { isUntrained } from "../adapter/state.ts";
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { Dataset } from "../data/dataset.ts";
import { endOf } from "../train/end.ts";
import { verdictOf, type Verdict } from "../train/held-out.ts";
import { lacksStart, train, type TrainedStep } from "../train/trainer.ts";
import { hasCode, toPlain, UserError } from "../util/errors.ts";
import { yieldToEvents } from "../util/yield-to-events.ts";
import { Asides } from "./asides/asides.ts";
import { StopLoss } from "./asides/stop-loss.ts";
import { DeviceKeeper, type DeviceKeeperParts } from "./device-keeper.ts";
import type { DeviceLoss } from "./device-losses.ts";
import { EngineQueue } from "./engine-queue.ts";
import type { BetterCheckpoint, RebuildReason } from "./events.ts";
import { initialStatus, reduce, type Goal, type PhaseEvent, type RunStatus } from "./phase.ts";
import {
  RunPrompts,
  type Answered,
  type Question,
  type RunPromptsParts,
} from "./asides/prompts.ts";
import { betterThanLast } from "./saved-step.ts";
import { RunSaves, snapshotOf, type SaveParts } from "./saves.ts";
import { StallWatch } from "./stall-watch.ts";
import { StepReports } from "./step-reports.ts";

export interface RunParts extends SaveParts, RunPromptsParts, Pick<DeviceKeeperParts, "takeAhead"> {
  dataset: Dataset;
}

/**
 * A run of the training loop that can be paused, stopped, saved, prompted and resumed. Every
 * interruption happens between two optimizer steps, where adapter, moments and counters belong
 * together.
 *
 * Resuming (after a pause, a failure, or from a checkpoint in a new tab) restores, in this order:
 * recipe, model and data that the checkpoint names by hash (session.ts); the data set, tokenised
 * again for the day of the run's start; step, data cursor and log (`state.trainer`); a
 * new device with the frozen weights; the adapter with both moments, as f32. Dropout masks, data
 * order and learning rate are functions of seed and step, and no random state is kept elsewhere. So
 * a resumed run has the bits of the run in one piece.
 */
export class Run {
  readonly state: RunState;
  readonly #parts: RunParts;
  readonly #reports = new StepReports();
  readonly #queue = new EngineQueue();
  readonly #keeper: DeviceKeeper;
  readonly #saves: RunSaves;
  readonly #prompts: RunPrompts;
  readonly #asides: Asides;
  readonly #stopLoss: StopLoss;
  #status: RunStatus;
  /** Settles when the loop under way has come to rest. */
  #loop: Promise<void> = Promise.resolve();
  /** Ends waits and work of the loop, but for its saves. */
  #abort = new AbortController();

  constructor(parts: RunParts) {
    const { state, enginePlan, takeAhead, emit } = parts;
    this.#parts = parts;
    this.state = state;
    const watch = new StallWatch((fault) => {
      emit({ kind: "waiting", fault });
    });
    this.#keeper = new DeviceKeeper({ plan: enginePlan, state, watch, takeAhead, emit });
    this.#saves = new RunSaves(parts, () => this.#keeper.engine.readState(), watch);
    this.#prompts = new RunPrompts(parts, this.#keeper);
    this.#asides = new Asides(emit);
    this.#stopLoss = new StopLoss({
      ...{ state, dataset: parts.dataset, keeper: this.#keeper, saves: this.#saves },
      asides: this.#asides,
      onMeasured: (measured) => {
        emit({ kind: "evaluated", ...measured, verdict: this.verdict });
      },
    });
    this.#status = initialStatus(state.trainer.step, endOf(state.trainer, state.recipe));
  }

  /** Whether the run's loop is under way: preparing, training, coming to rest or recovering. */
  get isActive(): boolean {
    return this.#status.isActive;
  }

  /** Whether the run holds the only copy of its newest state: a save failed. */
  get isUnsaved(): boolean {
    const { phase } = this.#status;
    return "isSaved" in phase && !phase.isSaved;
  }

  /** Whether the run has ended and is saved: only a checkpoint of it can be resumed. */
  get isOver(): boolean {
    const { phase } = this.#status;
    return (phase.name === "done" || phase.name === "failed") && phase.isSaved;
  }

  get verdict(): Verdict {
    return verdictOf(this.state.trainer.log, this.#parts.dataset.heldOut.length > 0);
  }

  /** The state of a resting run, saved or not; null while active and before the first step. */
  get restingState(): RunState | null {
    return this.isActive || this.state.trainer.step === 0 ? null : snapshotOf(this.state);
  }

  /** Starts or resumes the run, which is active when this returns. */
  begin(): void {
    this.#abort = new AbortController();
    this.#saves.begin();
    this.#apply({ kind: "begun" });
    this.#startLoop();
  }

  /**
   * Pauses or stops the run. Resolves when it is at rest and saved. For a run at rest, stopping
   * tries the save again where that is wanted.
   */
  async interrupt(goal: "pause" | "stop"): Promise<void> {
    const wasActive = this.isActive;
    this.#apply({ kind: "interrupted", goal });
    if (!this.isActive) {
      return;
    }
    if (!wasActive) {
      this.#startLoop();
    } else if (this.#status.phase.name === "recovering") {
      this.#abort.abort();
      this.#abort = new AbortController();
    }
    await this.#loop;
  }

  /** Another tab has the run now: the run ends at once, saves nothing more, releases the device. */
  async surrender(reason: UserError): Promise<void> {
    this.#abort.abort(reason);
    await this.#loop;
    if (this.#status.phase.name !== "failed" || this.isUnsaved) {
      await this.#fail(reason);
    }
  }

  /** Says which model on the Hub the base model is; the next save holds it. */
  nameBase(hubName: string | null): void {
    this.#saves.nameBase(hubName);
  }

  /** Ends the sample or the measurement under way; the run goes on. */
  skip(): void {
    this.#asides.skip();
  }

  /** Saves after the current step. */
  requestSave(): void {
    if (this.isActive) {
      this.#saves.request();
    }
  }

  /**
   * Prompts the model, between two steps when the run is active. A run at rest opens the device for
   * it; a run that begins meanwhile waits.
   * @throws UserError "too-long", "bad-checkpoint"; "busy" for an active run that is asked with the
   *   adapter of a checkpoint; what the engine throws; the signal's reason
   */
  async answer(
    question: Question,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<Answered> {
    const wasResting = !this.isActive;
    const answered = this.#queue.add(async () => {
      if (question.key !== undefined && this.isActive) {
        throw new UserError("busy", "Only the adapter in training answers during a run.", {
          remedy: "Pause or stop the run first.",
        });
      }
      if (wasResting || !this.#keeper.hasEngine) {
        await this.#keeper.ensure(this.#abort.signal);
      }
      return await this.#prompts.answer(question, onText, signal);
    });
    if (wasResting) {
      void this.#queue.drain();
    }
    return await answered;
  }

  /** Pauses the run and releases its device. It can be resumed later. */
  async release(): Promise<void> {
    await this.interrupt("pause");
    await this.#queue.drained;
    await this.#keeper.release();
  }

  #startLoop(): void {
    this.#loop = this.#queue.drained.then(() => this.#runUntilRest());
  }

  async #runUntilRest(): Promise<void> {
    try {
      while (this.isActive) {
        await this.#proceed();
      }
    } catch (error) {
      await this.#fail(error);
    } finally {
      await this.#queue.drain();
    }
  }

  /** Trains to the next stop and settles it; a lost or full device sends the run back instead. */
  async #proceed(): Promise<void> {
    try {
      if (this.#goal === null) {
        await this.#keeper.ensure(this.#abort.signal);
      }
      await this.#settle(this.#goal ?? (await this.#train()));
    } catch (error) {
      this.#abort.signal.throwIfAborted();
      await this.#recover(error);
    }
  }

  /**
   * The training loop. Returns what ended it. The base model's sample and held-out loss need no
   * first step, and come after it: nobody waits for the first step longer than it takes.
   */
  async #train(): Promise<Goal | { rebuildFor: RebuildReason }> {
    const { recipe, trainer, adapter } = this.state;
    const { dataset } = this.#parts;
    const { signal } = this.#abort;
    this.#apply({ kind: "training" });
    const steps = train(
      this.#keeper.engine,
      dataset,
      recipe,
      trainer,
      isUntrained(adapter),
      signal,
    );
    try {
      this.#showStart();
      let startedAt = performance.now();
      for await (const step of steps) {
        this.#asides.show(null);
        this.#report(step, performance.now() - startedAt);
        await yieldToEvents();
        const isStep = step.entry.step === trainer.step;
        await this.#saves.saveWhenDue(isStep);
        await this.#queue.drain();
        if (endOf(trainer, recipe) === null) {
          const rebuildFor = isStep && this.#goal === null ? this.#keeper.rebuildDue() : null;
          if (rebuildFor !== null) {
            return { rebuildFor };
          }
          if (this.#goal === null && trainer.step > 0 && this.#prompts.claimSample("before")) {
            await this.#sample("before");
          }
          if (this.#goal !== null) {
            return this.#goal;
          }
        }
        this.#showStart();
        startedAt = performance.now();
      }
      return "finish";
    } finally {
      this.#asides.show(null);
    }
  }

  /** Shows where the held-out loss before training is measured next. */
  #showStart(): void {
    const { trainer } = this.state;
    if (trainer.step > 0 && lacksStart(trainer, this.#parts.dataset)) {
      this.#asides.show("loss-before");
    }
  }

  async #settle(end: Goal | { rebuildFor: RebuildReason }): Promise<void> {
    if (typeof end === "object") {
      await this.#saves.holdState();
      await this.#keeper.rebuild(end.rebuildFor, this.#abort.signal);
    } else if (end === "pause") {
      await this.#saves.save("pause");
      this.#apply({ kind: "paused", ...this.#saves.latest });
    } else {
      await this.#end(end);
    }
  }

  async #end(goal: "stop" | "finish"): Promise<void> {
    const { trainer, recipe } = this.state;
    const end = endOf(trainer, recipe) ?? "stopped";
    if (end === "stopped") {
      await this.#stopLoss.measure(this.#abort.signal);
    }
    await this.#saves.save(goal === "stop" ? "stop" : "end");
    // From here a lost device ends the run without its last sample: no device is waited for.
    this.#apply({ kind: "ending", goal });
    const better = await betterThanLast(this.#parts.store, this.state);
    for (const which of ["before", "after"] as const) {
      if (this.#prompts.claimSample(which)) {
        this.#apply({ kind: "sampling", which });
        await this.#sample(which, which === "after" ? better : null);
      }
    }
    this.#apply({ kind: "done", ...this.#saves.latest, end, better });
  }

  /**
   * Goes back to the safe state and waits for a device, in sight of the person, unless the run is
   * to come to rest: that needs no device.
   */
  async #recover(failure: unknown): Promise<void> {
    const reason = this.#keeper.reasonToRecover(failure);
    if (reason === null) {
      throw failure;
    }
    this.#saves.goBack();
    const { step: safeStep } = this.#saves.latest;
    const shouldWait = ({ waitMs, message, error: plain }: DeviceLoss) => {
      const words = `${message} ${this.#saves.safetyWords}`;
      const error = toPlain(plain);
      this.#apply({ kind: "recovering", message: words, safeStep, waitMs, error });
      return this.#goal === null;
    };
    await this.#keeper.recover(failure as UserError, reason, shouldWait, this.#abort.signal);
    if (reason === "out-of-memory" && this.#goal !== null) {
      await this.#keeper.release(); // the full one may still be there
    }
  }

  /** Releases the device and goes back to the safe state, saving it where it is not saved. */
  async #fail(error: unknown): Promise<void> {
    this.#abort = new AbortController();
    await this.#keeper.release().catch(() => undefined); // `error` is what the person needs to see
    const safeStep = await this.#saves.rescue(error);
    const { step, isSaved } = this.#saves.latest;
    const isHeld = step > 0 && !isSaved && !hasCode(error, "other-tab");
    this.#apply({ kind: "failed", error: toPlain(error), safeStep, step, isSaved: !isHeld });
  }

  async #sample(which: "before" | "after", better: BetterCheckpoint | null = null): Promise<void> {
    const { signal } = this.#abort;
    await this.#asides.during(`sample-${which}`, async (skipped) => {
      await this.#keeper.ensure(signal);
      await this.#prompts.sample(which, better, signal, skipped);
    });
  }

  #report(step: TrainedStep, durationMs: number): void {
    const { totalSteps } = this.state.trainer;
    if (step.entry.step === 0) {
      this.#saves.amend();
    }
    const memory = this.#keeper.engine.memory();
    const events = this.#reports.eventsOf(step, totalSteps, durationMs, memory, this.verdict);
    events.forEach(this.#parts.emit);
  }

  get #goal(): Goal | null {
    return this.#status.goal;
  }

  /** Publishes the phase where it is a new one. */
  #apply(event: PhaseEvent): void {
    const before = this.#status.phase;
    this.#status = reduce(this.#status, event);
    if (this.#status.phase !== before) {
      this.#parts.emit({ kind: "run", phase: this.#status.phase });
    }
  }
}
