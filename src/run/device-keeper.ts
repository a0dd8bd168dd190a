// The device of a run with its engine, over the life of the run: opened at first use, rebuilt on
// schedule or after a loss, with smaller memory choices where the device is full.
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { CompiledAhead } from "../engine/ahead.ts";
import type { Engine, EngineProgress } from "../engine/contract.ts";
import type { DeviceEngine } from "../engine/open.ts";
import { NoDevice } from "../gpu/device.ts";
import { hasCode, type UserError } from "../util/errors.ts";
import { wait } from "../util/wait.ts";
import { rebuild, releaseEngine, type DeviceEnginePlan, type Rebuild } from "./device-engine.ts";
import { DeviceLosses, type DeviceLoss } from "./device-losses.ts";
import type { RebuildReason, RunEvent } from "./events.ts";
import { rebuildDue } from "./schedules.ts";
import type { StallWatch } from "./stall-watch.ts";

/** Why a run needs another device than the one it had. */
export type FailureReason = Extract<RebuildReason, "device-lost" | "out-of-memory">;

export interface DeviceKeeperParts {
  plan: DeviceEnginePlan;
  /** Of the run: a new device gets the adapter that it has then. */
  state: RunState;
  watch: StallWatch;
  /** For the first device of the run: one whose kernels are compiled, where there is one. */
  takeAhead: () => Promise<CompiledAhead | null>;
  emit: (event: RunEvent) => void;
}

export class DeviceKeeper {
  readonly #parts: DeviceKeeperParts;
  readonly #losses = new DeviceLosses();
  #plan: DeviceEnginePlan;
  #current: DeviceEngine | null = null;
  #openedAt = 0;
  #hasRetriedOpening = false;
  /** The memory choice below the current one; null once it was tried, and below the smallest. */
  #smaller: DeviceEngine["smaller"] = null;

  constructor(parts: DeviceKeeperParts) {
    this.#parts = parts;
    this.#plan = parts.plan;
  }

  get hasEngine(): boolean {
    return this.#current !== null;
  }

  /** Whether there is a device that is not lost. */
  get isReady(): boolean {
    return this.#current?.machine.isLost() === false;
  }

  get engine(): Engine {
    if (this.#current === null) {
      throw new Error("The run has no engine.");
    }
    return this.#current.engine;
  }

  /**
   * Opens a device where there is none, or a lost one.
   * @throws UserError "device-lost", "out-of-memory"; no device is held then
   */
  async ensure(signal: AbortSignal): Promise<void> {
    if (!this.isReady) {
      const { emit } = this.#parts;
      await this.#open((readiness) => {
        emit({ kind: "opening", readiness });
      }, signal);
    }
  }

  /** Why the recipe wants a planned rebuild after the step just made; null when it wants none. */
  rebuildDue(): RebuildReason | null {
    const { recipe, trainer } = this.#parts.state;
    const ageMs = performance.now() - this.#openedAt;
    return rebuildDue(recipe, trainer.step, ageMs, this.engine.memory().allocatedBytes);
  }

  /**
   * Replaces the device by a new one with the adapter of the run's state (device-engine.ts says in
   * which order, and why the bits stay the same).
   * @throws UserError "device-lost", "out-of-memory"; no device is held then
   */
  async rebuild(reason: RebuildReason, signal: AbortSignal): Promise<void> {
    const bytes = await this.#open(() => undefined, signal);
    const { step } = this.#parts.state.trainer;
    this.#parts.emit({ kind: "rebuilt", step, reason, ...bytes });
  }

  /** Releases the device; the next `ensure` opens another. */
  async release(): Promise<void> {
    const old = this.#current;
    this.#current = null;
    await releaseEngine(old);
  }

  /**
   * Why another device may help against this failure; null where none does. For a full device the
   * smaller memory choice is made at once.
   */
  reasonToRecover(failure: unknown): FailureReason | null {
    if (hasCode(failure, "device-lost")) {
      return "device-lost";
    }
    return hasCode(failure, "out-of-memory") && this.#chooseSmaller() ? "out-of-memory" : null;
  }

  /**
   * Rebuilds the device after a failure, after as many waits as it takes. The state of the run is
   * already back at its safe step, so the new device gets the adapter of that step.
   * @param shouldWait hears of each wait before it begins; false ends the recovery without a device
   * @throws UserError "device-lost-twice" after too many tries; any other failure of a rebuild; the
   *   signal's reason when another tab took the run over. Any other abort ends the recovery.
   */
  async recover(
    failure: UserError,
    reason: FailureReason,
    shouldWait: (loss: DeviceLoss) => boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { step: safeStep } = this.#parts.state.trainer;
    let loss = this.#losses.add(failure, safeStep);
    if (reason === "device-lost" && this.#losses.isRepeated) {
      this.#chooseSmaller();
    }
    while (shouldWait(loss)) {
      try {
        await wait(loss.waitMs, signal);
        await this.rebuild(reason, signal);
        return;
      } catch (next) {
        if (hasCode(signal.reason, "other-tab")) {
          throw signal.reason;
        }
        if (signal.aborted) {
          return;
        }
        loss = this.#nextLoss(next, loss, safeStep);
      }
    }
  }

  /** @throws `failure` where waiting does not help against it */
  #nextLoss(failure: unknown, before: DeviceLoss, safeStep: number): DeviceLoss {
    if (hasCode(failure, "out-of-memory") && this.#chooseSmaller()) {
      return before;
    }
    if (!hasCode(failure, "device-lost")) {
      throw failure;
    }
    return failure instanceof NoDevice
      ? this.#losses.addRefusal(failure)
      : this.#losses.add(failure, safeStep);
  }

  /**
   * Makes the next device use less memory, for the same numbers. Returns whether it can: before
   * the first device no smaller choice is known, so the same one is tried once more.
   */
  #chooseSmaller(): boolean {
    const smaller = this.#smaller;
    if (smaller === null) {
      const isFirst = this.#openedAt === 0 && !this.#hasRetriedOpening;
      this.#hasRetriedOpening = true;
      return isFirst;
    }
    this.#plan = { ...this.#plan, memoryChoice: smaller };
    this.#smaller = null;
    return true;
  }

  async #open(
    progress: EngineProgress,
    signal: AbortSignal,
  ): Promise<Omit<Rebuild, "deviceEngine">> {
    const { state, watch, emit, takeAhead } = this.#parts;
    const old = this.#current;
    this.#current = null;
    const ahead = this.#openedAt === 0 ? await takeAhead() : null;
    const open = (alive: () => void) => {
      const report: EngineProgress = (readiness) => {
        alive();
        progress(readiness);
      };
      return rebuild(old, this.#plan, state.adapter, report, signal, ahead);
    };
    const { deviceEngine, ...bytes } = await watch.during("device", open, true);
    this.#current = { ...deviceEngine, engine: watch.watched(deviceEngine.engine) };
    this.#openedAt = performance.now();
    this.#smaller = deviceEngine.smaller;
    emit({ kind: "engine", report: deviceEngine.report });
    return bytes;
  }
}
