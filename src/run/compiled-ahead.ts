// Kernels of the next run, compiled while the visitor reads its plan: on a device without memory of
// a run, which the run or a measurement then opens its engine on.
import { compileAhead, openAhead, type CompiledAhead } from "../engine/ahead.ts";
import type { EnginePlan } from "../engine/engine-plan.ts";
import { unlessAborted } from "../util/wait.ts";

export class AheadOfRun {
  #plan: EnginePlan | null = null;
  #held: Promise<CompiledAhead | null> = Promise.resolve(null);
  /** Ends the tuning under way; compiling is not waited for. */
  #abort = new AbortController();

  /** Compiles for a plan, and no more for the one before, on the same device. */
  begin(plan: EnginePlan): void {
    if (plan.engine !== "webgpu") {
      return;
    }
    this.#plan = plan;
    const { signal } = this.#abort;
    const before = this.#held;
    this.#held = before.then((held) =>
      plan === this.#plan && !signal.aborted ? prepare(plan, held, signal) : held,
    );
  }

  /** The device, for an engine of the caller's, who releases it; null where there is none. */
  async take(): Promise<CompiledAhead | null> {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#plan = null;
    const held = this.#held;
    this.#held = Promise.resolve(null);
    return usable(await held);
  }

  /**
   * Like `take`, once all is compiled: an engine that is opened on it can be called off at once.
   * @throws the signal's reason; the device is kept then
   */
  async compiled(signal: AbortSignal): Promise<CompiledAhead | null> {
    const held = usable(await unlessAborted(this.#held, signal));
    if (held !== null) {
      await unlessAborted(held.pipelines.settled(), signal);
    }
    return await this.take();
  }

  /** Keeps a device from which the engine was disposed of, where none is held. */
  give(ahead: CompiledAhead): void {
    this.#held = this.#held.then(async (held) => {
      if (usable(held) === null) {
        return ahead;
      }
      await ahead.machine.release();
      return held;
    });
  }

  async release(): Promise<void> {
    const held = await this.take();
    await held?.machine.release();
  }
}

/** Null where the device fails: the run says so itself, with what to do. */
async function prepare(
  plan: EnginePlan,
  held: CompiledAhead | null,
  signal: AbortSignal,
): Promise<CompiledAhead | null> {
  let ahead = usable(held);
  try {
    ahead ??= await openAhead();
    await compileAhead(plan, ahead, signal);
    return ahead;
  } catch {
    if (signal.aborted) {
      return ahead;
    }
    await ahead?.machine.release();
    return null;
  }
}

function usable(ahead: CompiledAhead | null): CompiledAhead | null {
  const opened = ahead?.machine.opened;
  return opened !== undefined && !opened.isLost() && opened.fault() === null ? ahead : null;
}
