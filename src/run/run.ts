// One run from its first step, or from a checkpoint, to its last: the loop around the training
// loop. It saves, pauses, stops, rebuilds the device and comes back from a lost one; every
// interruption lies between two steps.
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Engine } from "../engine/contract.ts";
import { NoDevice } from "../gpu/device.ts";
import { train, type TrainedStep } from "../train/trainer.ts";
import { hasCode, toPlain, type PlainError, type UserError } from "../util/errors.ts";
import { EngineQueue } from "./engine-queue.ts";
import { DeviceLosses } from "./device-losses.ts";
import { PaceMeter } from "./speed.ts";
import { rebuildDue } from "./rebuild-schedule.ts";
import { rebuild, releaseEngine, type DeviceEnginePlan, type Rebuild } from "./device-engine.ts";
import type { DeviceEngine } from "../engine/open.ts";
import { answer, type Prompting } from "./prompting.ts";
import { asItStands, RunSaves, type SaveParts } from "./saves.ts";
import { yieldToEvents } from "../util/yield-to-events.ts";
import { wait } from "../util/wait.ts";
import { WaitWatch } from "./stall-watch.ts";
import type { RebuildReason, RunPhase, SaveReason, RunEvent } from "./events.ts";

export interface RunParts extends SaveParts {
  dataset: Dataset;
  enginePlan: DeviceEnginePlan;
  /** Prompt of the sample before and after. */
  samplePrompt: string;
}

type Interruption = "pause" | "stop";
/** How a run comes to stand. */
type End = Interruption | "finished";
type Outcome = End | { rebuildFor: RebuildReason };

const sampleTokens = 48;

export class Run {
  readonly state: RunState;
  readonly #parts: RunParts;
  readonly #pace = new PaceMeter();
  readonly #losses = new DeviceLosses();
  readonly #watch = new WaitWatch((fault) => {
    this.#emit({ kind: "waiting", fault });
  });
  readonly #queue = new EngineQueue();
  readonly #saves: RunSaves;
  #device: DeviceEngine | null = null;
  #enginePlan: DeviceEnginePlan;
  #openedAt = 0;
  #hasTriedAgain = false;
  /**
   * What asks less of the device than the newest engine; null once it was tried, or where there is
   * nothing to save.
   */
  #smaller: DeviceEngine["smaller"] = null;
  #phase: RunPhase = { name: "idle" };
  #wanted: End | null = null;
  #saveWanted = false;
  readonly #sampled = new Set<"before" | "after">();
  #going: Promise<void> = Promise.resolve();
  #abort = new AbortController();

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.state = parts.state;
    this.#enginePlan = parts.enginePlan;
    this.#saves = new RunSaves(parts, this.#watch);
    const { step, totalSteps } = parts.state.trainer;
    if (step === totalSteps) {
      this.#phase = { name: "done", step, stoppedEarly: false, isSaved: true };
    }
  }

  get isGoing(): boolean {
    return !["idle", "paused", "done", "failed"].includes(this.#phase.name);
  }

  /** Whether nothing is to be done for it any more, but taking up a checkpoint. */
  get isOver(): boolean {
    const phase = this.#phase;
    return (phase.name === "done" || phase.name === "failed") && phase.isSaved;
  }

  /**
   * Where a standing run stands, saved or not; null while it goes on, and before its first step.
   */
  get standing(): RunState | null {
    return this.isGoing || this.state.trainer.step === 0 ? null : asItStands(this.state);
  }

  /** Starts or goes on; the run is under way when this returns. */
  go(): void {
    this.#abort = new AbortController();
    this.#setPhase({ name: "preparing", doing: "Bringing the model to the GPU" });
    this.#setOut(null);
  }

  /** Whether this tab alone has what it came to. */
  get isUnsaved(): boolean {
    return "isSaved" in this.#phase && !this.#phase.isSaved;
  }

  /**
   * Answers when the run stands still and is saved. One that stands and could not be saved is, by
   * another stop.
   */
  async interrupt(wanted: Interruption): Promise<void> {
    if (this.isGoing) {
      this.#wanted = wanted;
      if (this.#phase.name === "recovering") {
        this.#abort.abort();
        this.#abort = new AbortController();
      } else {
        this.#setPhase({ name: "pausing" });
      }
      await this.#going;
    } else if (wanted === "stop" && "isSaved" in this.#phase && !this.isOver) {
      const isEarly = this.#phase.name !== "done" || this.#phase.stoppedEarly;
      this.#setPhase({ name: "pausing" });
      this.#setOut(isEarly ? "stop" : "finished");
      await this.#going;
    }
  }

  #setOut(wanted: End | null): void {
    this.#wanted = wanted;
    this.#going = this.#queue.gone.then(() => this.#runUntilInterrupted());
  }

  /**
   * Another tab has the run now: it stops at once, saves nothing more and gives the device back.
   */
  async surrender(reason: UserError): Promise<void> {
    this.#abort.abort(reason);
    await this.#going;
    if (this.#phase.name !== "failed" || this.isUnsaved) {
      await this.#fail(reason);
    }
  }

  /** Saves after the step being made. */
  requestSave(): void {
    this.#saveWanted = this.isGoing;
  }

  /** Prompts the model, between two steps when the run is going. */
  async answer(
    prompting: Omit<Prompting, "seed" | "isChat">,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<string> {
    return await this.#asGuest(() => this.#answer(prompting, onText, signal));
  }

  /** Gives the device back. The run can go on later. */
  async release(): Promise<void> {
    await this.interrupt("pause");
    await this.#queue.gone;
    await this.#releaseDevice();
  }

  async #releaseDevice(): Promise<void> {
    const deviceEngine = this.#device;
    this.#device = null;
    await releaseEngine(deviceEngine);
  }

  async #runUntilInterrupted(): Promise<void> {
    try {
      let isStanding = false;
      while (!isStanding) {
        isStanding = await this.#goOn();
      }
    } catch (error) {
      await this.#fail(error);
    } finally {
      await this.#queue.serve();
    }
  }

  /**
   * Trains, saves, rebuilds; a device that is lost or full sends it back to the safe state. Whether
   * the run stands now.
   */
  async #goOn(): Promise<boolean> {
    try {
      if (this.#wanted === null) {
        await this.#ensureEngine();
      }
      return await this.#settle(this.#wanted ?? (await this.#train()));
    } catch (error) {
      this.#abort.signal.throwIfAborted();
      if (isDeviceLost(error)) {
        await this.#recover(error, "device-lost");
      } else if (isOutOfMemory(error) && this.#economise()) {
        await this.#recover(error, "out-of-memory");
        if (this.#wanted !== null) {
          await this.#releaseDevice(); // it still stands where it failed, and has the larger plan
        }
      } else {
        throw error;
      }
      return false;
    }
  }

  /** Asks less of the next device, for the same numbers. Whether there was anything to save. */
  #economise(): boolean {
    const smaller = this.#smaller;
    if (smaller === null) {
      // Before any engine it is not known what would ask less, so the same is tried once more.
      const isFirst = this.#openedAt === 0 && !this.#hasTriedAgain;
      this.#hasTriedAgain = true;
      return isFirst;
    }
    this.#enginePlan = { ...this.#enginePlan, memoryChoice: smaller };
    this.#smaller = null;
    return true;
  }

  async #settle(outcome: Outcome): Promise<boolean> {
    if (typeof outcome === "object") {
      await this.#rebuild(outcome.rebuildFor);
      return false;
    }
    if (outcome === "pause") {
      await this.#save("pause");
      this.#setPhase({ name: "paused", ...this.#saves.standing });
    } else {
      await this.#finish(outcome === "stop");
    }
    return true;
  }

  async #train(): Promise<Outcome> {
    const { dataset } = this.#parts;
    const { recipe, trainer } = this.state;
    await this.#sampleOnce("before");
    this.#setPhase({ name: "running" });
    let startedAt = performance.now();
    for await (const step of train(this.#engine, dataset, recipe, trainer, this.#abort.signal)) {
      this.#report(step, performance.now() - startedAt);
      await yieldToEvents();
      await this.#saveWhenDue();
      await this.#queue.serve();
      if (trainer.step === trainer.totalSteps) {
        break;
      }
      if (this.#wanted !== null) {
        return this.#wanted;
      }
      const ageMs = performance.now() - this.#openedAt;
      const { allocatedBytes } = this.#engine.memory();
      const rebuildFor = rebuildDue(recipe, trainer.step, ageMs, allocatedBytes);
      if (rebuildFor !== null) {
        return { rebuildFor };
      }
      startedAt = performance.now();
    }
    return "finished";
  }

  #report({ entry, tokens }: TrainedStep, durationMs: number): void {
    const { totalSteps } = this.state.trainer;
    if (entry.step > 0) {
      const memory = this.#engine.memory();
      const pace = this.#pace.add(tokens, durationMs, totalSteps - entry.step);
      this.#emit({ kind: "step", entry, totalSteps, ...pace, ...memory });
    }
    if (entry.heldOutLoss !== undefined) {
      this.#emit({ kind: "evaluated", step: entry.step, heldOutLoss: entry.heldOutLoss });
    }
  }

  async #saveWhenDue(): Promise<void> {
    const { recipe, trainer } = this.state;
    const isDue = recipe.saveSteps > 0 && trainer.step > 0 && trainer.step % recipe.saveSteps === 0;
    if (this.#saveWanted) {
      await this.#save("hidden");
    } else if (isDue && trainer.step < trainer.totalSteps) {
      await this.#save("steps");
    }
    this.#saveWanted = false;
  }

  async #save(reason: SaveReason): Promise<void> {
    await this.#saves.save(reason, () => this.#engine.readState());
  }

  async #rebuild(reason: RebuildReason): Promise<void> {
    if (reason !== "device-lost" && reason !== "out-of-memory") {
      await this.#saves.keep(() => this.#engine.readState());
    }
    const measured = await this.#openWithAdapter(() => undefined);
    this.#emit({ kind: "rebuilt", step: this.state.trainer.step, reason, ...measured });
  }

  async #openWithAdapter(
    progress: (doneBytes: number, totalBytes: number) => void,
  ): Promise<Omit<Rebuild, "deviceEngine">> {
    const old = this.#device;
    this.#device = null;
    const { adapter } = this.state;
    const { signal } = this.#abort;
    const { deviceEngine, ...measured } = await this.#watch.during(
      "device",
      (alive) => {
        const report = (doneBytes: number, totalBytes: number) => {
          alive();
          progress(doneBytes, totalBytes);
        };
        return rebuild(old, this.#enginePlan, adapter, report, signal);
      },
      true,
    );
    this.#device = { ...deviceEngine, engine: this.#watch.watched(deviceEngine.engine) };
    this.#openedAt = performance.now();
    this.#smaller = deviceEngine.smaller;
    this.#emit({ kind: "engine", report: deviceEngine.report });
    return measured;
  }

  /**
   * Goes back to the safe state and waits for a device, visibly where the browser holds it back,
   * unless it is to stand.
   */
  async #recover(error: UserError, reason: "device-lost" | "out-of-memory"): Promise<void> {
    const { signal } = this.#abort;
    this.#saves.goBack();
    const { step: safeStep, isSaved } = this.#saves.standing;
    const safety =
      isSaved || safeStep === 0
        ? `Your run is safe at step ${safeStep}.`
        : `Your run is at step ${safeStep}, which this tab holds and has not saved.`;
    let loss = this.#losses.add(error, safeStep);
    if (reason === "device-lost" && this.#losses.isRepeated) {
      this.#economise();
    }
    for (;;) {
      const { waitMs, message } = loss;
      this.#setPhase({
        name: "recovering",
        message: `${message} ${safety}`,
        safeStep,
        waitMs,
        error: toPlain(loss.error),
      });
      if (this.#wanted !== null) {
        return; // standing still at the safe state takes no device
      }
      try {
        await wait(waitMs, signal);
        await this.#rebuild(reason);
        return;
      } catch (failure) {
        if (hasCode(signal.reason, "other-tab")) {
          throw signal.reason;
        }
        if (signal.aborted) {
          return;
        }
        if (isOutOfMemory(failure) && this.#economise()) {
          continue;
        }
        if (!isDeviceLost(failure)) {
          throw failure;
        }
        loss =
          failure instanceof NoDevice
            ? this.#losses.addRefusal(failure)
            : this.#losses.add(failure, safeStep);
      }
    }
  }

  async #finish(stoppedEarly: boolean): Promise<void> {
    await this.#save(stoppedEarly ? "stop" : "end");
    // a device lost by the sample is not waited for
    this.#wanted = stoppedEarly ? "stop" : "finished";
    await this.#sampleOnce("after");
    this.#setPhase({ name: "done", ...this.#saves.standing, stoppedEarly });
  }

  /**
   * Gives the device up and goes back to the safe state, which is saved if it was not, and can be
   * resumed from.
   */
  async #fail(error: unknown): Promise<void> {
    this.#abort = new AbortController();
    await this.#releaseDevice().catch(() => undefined); // what made it fail is to be told, not this
    const safeStep = await this.#saves.rescue(error);
    const { step, isSaved } = this.#saves.standing;
    const isHeld = step > 0 && !isSaved && !hasCode(error, "other-tab");
    this.#setPhase({ name: "failed", error: toPlain(error), safeStep, step, isSaved: !isHeld });
  }

  async #ensureEngine(): Promise<void> {
    const old = this.#device;
    if (old !== null && !old.machine.isLost()) {
      return;
    }
    await this.#openWithAdapter((doneBytes: number, totalBytes: number) => {
      this.#emit({ kind: "loading", doing: "Writing weights to the GPU", doneBytes, totalBytes });
    });
  }

  /**
   * The base model's answer before the first step made here, the adapter's after the last, or why
   * there is none.
   */
  async #sampleOnce(which: "before" | "after"): Promise<void> {
    const { samplePrompt } = this.#parts;
    if (samplePrompt === "" || this.#sampled.has(which)) {
      return;
    }
    this.#sampled.add(which);
    this.#setPhase({ name: "preparing", doing: `Sampling ${which} training` });
    const prompting = {
      prompt: samplePrompt,
      useAdapter: which === "after",
      maxNewTokens: sampleTokens,
      temperature: 0,
    };
    await this.#ensureEngine();
    let text = "";
    let error: PlainError | null = null;
    try {
      text = await this.#answer(prompting, () => undefined, this.#abort.signal);
    } catch (fault) {
      if (!hasCode(fault, "too-long") && !hasCode(fault, "bad-tokenizer")) {
        throw fault;
      }
      error = toPlain(fault); // a prompt that cannot be answered is no reason to stop
    }
    this.#emit({ kind: "sample", which, prompt: samplePrompt, text, error });
  }

  async #answer(
    prompting: Omit<Prompting, "seed" | "isChat">,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const { data, enginePlan } = this.#parts;
    const isChat = data.examples[0]?.kind === "chat";
    const { seed } = this.state.recipe;
    return await answer(
      this.#engine,
      enginePlan.model,
      { ...prompting, isChat, seed },
      onText,
      signal,
    );
  }

  /**
   * A guest of a standing run brings the engine up itself; a run that goes on meanwhile waits for
   * it.
   */
  async #asGuest<T>(work: () => Promise<T>): Promise<T> {
    const isStanding = !this.isGoing;
    const visit = async () => {
      if (isStanding || this.#device === null) {
        await this.#ensureEngine();
      }
      return await work();
    };
    const visited = this.#queue.enter(visit);
    if (isStanding) {
      void this.#queue.serve();
    }
    return await visited;
  }

  get #engine(): Engine {
    if (this.#device === null) {
      throw new Error("The run has no engine.");
    }
    return this.#device.engine;
  }

  #setPhase(phase: RunPhase): void {
    this.#phase = phase;
    this.#emit({ kind: "run", phase });
  }

  #emit(event: RunEvent): void {
    this.#parts.emit(event);
  }
}

function isDeviceLost(error: unknown): error is UserError {
  return hasCode(error, "device-lost");
}

function isOutOfMemory(error: unknown): error is UserError {
  return hasCode(error, "out-of-memory");
}
