// One run from its first step, or from a checkpoint, to its last: the loop around the training loop. It saves, pauses,
// stops, rebuilds the device and comes back from a lost one; every interruption lies between two steps.
import type { RunState } from "../checkpoint/run-state.ts";
import type { CheckpointStore } from "../checkpoint/store.ts";
import type { CheckpointSummary } from "../checkpoint/summary.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Engine } from "../engine/contract.ts";
import { NoDevice } from "../gpu/device.ts";
import { train, type TrainedStep } from "../train/trainer.ts";
import { toPlain, UserError, type ErrorCode } from "../util/errors.ts";
import { Guests } from "./guests.ts";
import type { LoadedData } from "./library.ts";
import { LossRecord } from "./loss-record.ts";
import { PaceMeter } from "./pace.ts";
import type { RebuildReason, RunPhase, SaveReason, SessionEvent } from "./protocol.ts";
import { rebuild, releaseRig, type Rebuild, type Rig, type RigPlan } from "./recovery.ts";
import { answer, type Prompting } from "./sampling.ts";
import { turn, waitFor } from "./turn.ts";
import { WaitWatch } from "./wait-watch.ts";

export interface RunParts {
  state: RunState;
  dataset: Dataset;
  data: LoadedData;
  rigPlan: RigPlan;
  store: CheckpointStore;
  /** Prompt of the sample before and after. */
  samplePrompt: string;
  /** Does what writes to the store. @throws UserError "other-tab" when this tab must not write any more */
  write: <T>(work: () => Promise<T>) => Promise<T>;
  emit: (event: SessionEvent) => void;
}

type Interruption = "pause" | "stop";
type Outcome = "finished" | Interruption | { rebuildFor: RebuildReason };

const sampleTokens = 48;
/** How long a run that stops waits for the database to say what is saved. */
const lookMs = 2000;

export class Run {
  readonly state: RunState;
  readonly #parts: RunParts;
  readonly #pace = new PaceMeter();
  readonly #losses = new LossRecord();
  readonly #watch = new WaitWatch((fault) => {
    this.#emit({ kind: "waiting", fault });
  });
  readonly #guests = new Guests();
  #rig: Rig | null = null;
  #rigPlan: RigPlan;
  #rigOpenedAt = 0;
  #hasTriedAgain = false;
  /** What asks less of the device than the newest rig; null once it was tried, or where there is nothing to save. */
  #smaller: Rig["smaller"] = null;
  #phase: RunPhase = { name: "idle" };
  #wanted: Interruption | null = null;
  #saveWanted = false;
  /** The newest state known to be good: what a lost device goes back to. */
  #safe: RunState;
  #savedStep = -1;
  readonly #sampled = new Set<"before" | "after">();
  #going: Promise<void> = Promise.resolve();
  #abort = new AbortController();

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.state = parts.state;
    this.#rigPlan = parts.rigPlan;
    this.#safe = structuredClone(parts.state);
    const { step, totalSteps } = parts.state.trainer;
    if (step === totalSteps) {
      this.#phase = { name: "done", step, stoppedEarly: false, isSaved: true };
    }
    this.#savedStep = step > 0 ? step : -1; // past step 0 it comes from a checkpoint
  }

  get isGoing(): boolean {
    return !["idle", "paused", "done", "failed"].includes(this.#phase.name);
  }

  /** Whether it is not to go on, but by taking up a checkpoint. */
  get isOver(): boolean {
    return this.#phase.name === "done" || this.#phase.name === "failed";
  }

  /** Starts or goes on; answers when the run is under way. */
  go(): void {
    this.#wanted = null;
    this.#abort = new AbortController();
    this.#setPhase({ name: "preparing", doing: "Bringing the model to the GPU" });
    this.#going = this.#guests.gone.then(() => this.#runUntilInterrupted());
  }

  /** Answers when the run stands still and is saved. A run that is done but not saved is saved by another stop. */
  async interrupt(wanted: Interruption): Promise<void> {
    if (this.isGoing) {
      this.#wanted = wanted;
      if (this.#phase.name === "recovering") {
        this.#abort.abort();
      } else {
        this.#setPhase({ name: "pausing" });
      }
      await this.#going;
    } else if (wanted === "stop" && "isSaved" in this.#phase) {
      await this.#finish(this.#phase.name === "paused" || this.#phase.stoppedEarly);
    }
  }

  /** Another tab has the run now: it stops at once, saves nothing more and gives the device back. */
  async surrender(reason: UserError): Promise<void> {
    this.#abort.abort(reason);
    await this.#going;
    if (this.#phase.name !== "failed") {
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
    await this.#guests.gone;
    await releaseRig(this.#rig);
    this.#rig = null;
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
      await this.#guests.serve();
    }
  }

  /** Trains, saves, rebuilds; a device that is lost or full sends it back to the safe state. Whether the run stands now. */
  async #goOn(): Promise<boolean> {
    try {
      await this.#ensureRig();
      return await this.#settle(this.#wanted ?? (await this.#train()));
    } catch (error) {
      this.#abort.signal.throwIfAborted();
      if (isDeviceLost(error)) {
        await this.#recover(error, "device-lost");
      } else if (isOutOfMemory(error) && this.#economise()) {
        await this.#recover(error, "out-of-memory");
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
      // Before any rig it is not known what would ask less, so the same is tried once more.
      const isFirst = this.#rigOpenedAt === 0 && !this.#hasTriedAgain;
      this.#hasTriedAgain = true;
      return isFirst;
    }
    this.#rigPlan = { ...this.#rigPlan, economy: smaller };
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
      this.#setPhase({ name: "paused", ...this.#standing() });
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
      await turn();
      await this.#saveWhenDue();
      await this.#guests.serve();
      if (trainer.step === trainer.totalSteps) {
        break;
      }
      if (this.#wanted !== null) {
        return this.#wanted;
      }
      const rebuildFor = this.#rebuildDue();
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

  /** A save that fails for want of room leaves the run going, in memory. */
  async #save(reason: SaveReason): Promise<CheckpointSummary | null> {
    const { trainer } = this.state;
    if (trainer.step === this.#savedStep) {
      return null;
    }
    this.state.adapter = await this.#engine.readState();
    const snapshot = structuredClone(this.state);
    try {
      const checkpoint = await this.#watch.during("save", () =>
        this.#parts.write(() => this.#store()),
      );
      this.#safe = snapshot;
      this.#savedStep = trainer.step;
      // The save is done, whether or not the browser lists it now.
      const checkpoints = await this.#parts.store.listCheckpoints().catch(() => null);
      this.#emit({ kind: "saved", reason, checkpoint, checkpoints });
      return checkpoint;
    } catch (error) {
      if (hasCode(error, "non-finite-loss") || hasCode(error, "other-tab")) {
        throw error;
      }
      this.#safe = snapshot;
      this.#emit({ kind: "saveFailed", step: trainer.step, error: toPlain(error) });
      return null;
    }
  }

  async #store(): Promise<CheckpointSummary> {
    const { store, data } = this.#parts;
    await store.saveDataFile(this.state.data, data.blob);
    const checkpoint = await store.saveCheckpoint(this.state);
    // The save is done; what cannot be thinned out now is after the next one.
    await store.retain(this.state.runId, this.state.recipe.saveTotalLimit).catch(() => undefined);
    return checkpoint;
  }

  #rebuildDue(): RebuildReason | null {
    const { reloadEverySteps, reloadEveryMinutes, reloadAboveBytes } = this.state.recipe;
    const { step } = this.state.trainer;
    if (reloadEverySteps > 0 && step > 0 && step % reloadEverySteps === 0) {
      return "every-steps";
    }
    const ageMs = performance.now() - this.#rigOpenedAt;
    if (reloadEveryMinutes > 0 && step > 0 && ageMs >= reloadEveryMinutes * 60_000) {
      return "every-minutes";
    }
    const isAbove = this.#engine.memory().allocatedBytes > reloadAboveBytes;
    return reloadAboveBytes > 0 && step > 0 && isAbove ? "above-bytes" : null;
  }

  async #rebuild(reason: RebuildReason): Promise<void> {
    if (reason !== "device-lost" && reason !== "out-of-memory") {
      this.state.adapter = await this.#engine.readState();
      this.#safe = structuredClone(this.state);
    }
    const measured = await this.#openRig(() => undefined);
    this.#emit({ kind: "rebuilt", step: this.state.trainer.step, reason, ...measured });
  }

  async #openRig(
    progress: (doneBytes: number, totalBytes: number) => void,
  ): Promise<Omit<Rebuild, "rig">> {
    const old = this.#rig;
    this.#rig = null;
    const { adapter } = this.state;
    const { signal } = this.#abort;
    const { rig, ...measured } = await this.#watch.during(
      "device",
      (alive) => {
        const report = (doneBytes: number, totalBytes: number) => {
          alive();
          progress(doneBytes, totalBytes);
        };
        return rebuild(old, this.#rigPlan, adapter, report, signal);
      },
      true,
    );
    this.#rig = { ...rig, engine: this.#watch.watched(rig.engine) };
    this.#rigOpenedAt = performance.now();
    this.#smaller = rig.smaller;
    this.#emit({ kind: "engine", report: rig.report });
    return measured;
  }

  /** Goes back to the safe state and waits for a device, visibly where the browser holds it back. */
  async #recover(error: UserError, reason: "device-lost" | "out-of-memory"): Promise<void> {
    Object.assign(this.state, structuredClone(this.#safe));
    const safeStep = this.state.trainer.step;
    let loss = this.#losses.add(error, safeStep);
    if (reason === "device-lost" && this.#losses.isRepeated) {
      this.#economise();
    }
    for (;;) {
      const { waitMs, message } = loss;
      this.#setPhase({
        name: "recovering",
        message: `${message} Your run is safe at step ${safeStep}.`,
        safeStep,
        waitMs,
        error: toPlain(loss.error),
      });
      try {
        await waitFor(waitMs, this.#abort.signal);
        await this.#rebuild(reason);
        return;
      } catch (failure) {
        if (this.#abort.signal.aborted) {
          throw hasCode(this.#abort.signal.reason, "other-tab")
            ? this.#abort.signal.reason
            : loss.error;
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
    await this.#sampleOnce("after");
    this.#setPhase({ name: "done", ...this.#standing(), stoppedEarly });
  }

  #standing(): { step: number; isSaved: boolean } {
    const { step } = this.state.trainer;
    return { step, isSaved: step === this.#savedStep };
  }

  /** Gives the device up and goes back to the safe state, from which the run can be resumed. */
  async #fail(error: unknown): Promise<void> {
    const rig = this.#rig;
    this.#rig = null;
    this.#abort = new AbortController();
    await releaseRig(rig).catch(() => undefined); // what made it fail is to be told, not this
    Object.assign(this.state, structuredClone(this.#safe));
    this.#setPhase({ name: "failed", error: toPlain(error), safeStep: await this.#lookUpSaved() });
  }

  /** The newest step that is saved, as the database has it: it may be gone by now. */
  async #lookUpSaved(): Promise<number | null> {
    const remembered = this.#savedStep >= 0 ? this.#savedStep : null;
    const stored = async () => {
      const all = await this.#parts.store.listCheckpoints();
      const steps = all.flatMap(({ runId, step }) => (runId === this.state.runId ? [step] : []));
      return steps.length > 0 ? Math.max(...steps) : null;
    };
    const inTime = waitFor(lookMs, this.#abort.signal).then(() => remembered);
    return await Promise.race([stored(), inTime]).catch(() => remembered);
  }

  async #ensureRig(): Promise<void> {
    const old = this.#rig;
    if (old !== null && !old.machine.isLost()) {
      return;
    }
    await this.#openRig((doneBytes: number, totalBytes: number) => {
      this.#emit({ kind: "loading", doing: "Writing weights to the GPU", doneBytes, totalBytes });
    });
  }

  /** The base model's answer before the first step made here, the adapter's after the last. */
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
    const text = await this.#answer(prompting, () => undefined, this.#abort.signal);
    this.#emit({ kind: "sample", which, prompt: samplePrompt, text });
  }

  async #answer(
    prompting: Omit<Prompting, "seed" | "isChat">,
    onText: (text: string) => void,
    signal: AbortSignal,
  ): Promise<string> {
    const { data, rigPlan } = this.#parts;
    const isChat = data.examples[0]?.kind === "chat";
    const { seed } = this.state.recipe;
    return await answer(
      this.#engine,
      rigPlan.model,
      { ...prompting, isChat, seed },
      onText,
      signal,
    );
  }

  /** A guest of a standing run brings the engine up itself; a run that goes on meanwhile waits for it. */
  async #asGuest<T>(work: () => Promise<T>): Promise<T> {
    const isStanding = !this.isGoing;
    const visit = async () => {
      if (isStanding || this.#rig === null) {
        await this.#ensureRig();
      }
      return await work();
    };
    const visited = this.#guests.enter(visit);
    if (isStanding) {
      void this.#guests.serve();
    }
    return await visited;
  }

  get #engine(): Engine {
    if (this.#rig === null) {
      throw new Error("The run has no engine.");
    }
    return this.#rig.engine;
  }

  #setPhase(phase: RunPhase): void {
    this.#phase = phase;
    this.#emit({ kind: "run", phase });
  }

  #emit(event: SessionEvent): void {
    this.#parts.emit(event);
  }
}

function isDeviceLost(error: unknown): error is UserError {
  return hasCode(error, "device-lost");
}

function isOutOfMemory(error: unknown): error is UserError {
  return hasCode(error, "out-of-memory");
}

function hasCode(error: unknown, code: ErrorCode): error is UserError {
  return error instanceof UserError && error.code === code;
}
