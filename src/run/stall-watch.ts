// Watches the waits of a run for the GPU and the database. Only time tells a hang from a slow
// answer, so nothing is given up: a wait far longer than usual is reported, and so is its end.
import type { Engine, SamplingOptions } from "../engine/contract.ts";
import { toPlain, UserError, type PlainError } from "../util/errors.ts";

/** What a run waits for; each kind has its own usual duration. */
export type WaitKind = "device" | "step" | "evaluation" | "token" | "state" | "save";

/**
 * Seconds before a wait is reported while its usual duration is unknown. The first wait of a kind
 * on a device compiles. A software GPU needs 15 s for a device and some seconds for a small step.
 */
const firstLimitSeconds: Record<WaitKind, number> = {
  device: 60,
  step: 120,
  evaluation: 120,
  token: 120,
  state: 10,
  save: 10,
};

/** Later waits are reported after this, plus ten times their usual duration. */
const slackSeconds = 5;
const usualTimes = 10;
/**
 * The usual duration is the median of this many waits: a single one that compiled, or hung, does
 * not count.
 */
const rememberedWaits = 5;

/** Ticks are counted, not a clock's time: a machine that slept has waited for none. */
const tickMs = 1000;

export class StallWatch {
  readonly #onChange: (fault: PlainError | null) => void;
  readonly #durations = new Map<WaitKind, number[]>();

  /** @param onChange hears of a wait that takes too long, and with null of its end */
  constructor(onChange: (fault: PlainError | null) => void) {
    this.#onChange = onChange;
  }

  /**
   * Does the task, and reports when it takes too long.
   * @param task each call of `alive` is progress, which restarts the wait
   * @param isFirst for the first wait of its kind on a device, which may take longer than usual
   */
  async during<T>(
    what: WaitKind,
    task: (alive: () => void) => Promise<T>,
    isFirst = false,
  ): Promise<T> {
    const limit = this.#limitSeconds(what, isFirst);
    let startedAt = performance.now();
    let seconds = 0;
    let isReported = false;
    const alive = () => {
      seconds = 0;
      startedAt = performance.now();
      if (isReported) {
        isReported = false;
        this.#onChange(null);
      }
    };
    const timer = setInterval(() => {
      seconds += 1;
      if (seconds > limit && !isReported) {
        isReported = true;
        this.#onChange(toPlain(noAnswer(what, seconds)));
      }
    }, tickMs);
    try {
      return await task(alive);
    } finally {
      clearInterval(timer);
      this.#remember(what, performance.now() - startedAt);
      alive();
    }
  }

  /** An engine that does the same, with each of its waits watched. */
  watched(engine: Engine): Engine {
    const begun = new Set<WaitKind>();
    const during = <T>(what: WaitKind, task: () => Promise<T>) => {
      const isFirst = !begun.has(what);
      begun.add(what);
      return this.during(what, task, isFirst);
    };
    return {
      step: (microBatches, hyper) => during("step", () => engine.step(microBatches, hyper)),
      evaluate: (batch, useAdapter) =>
        during("evaluation", () => engine.evaluate(batch, useAdapter)),
      generate: (prompt, options) => this.#tokens(engine, prompt, options),
      readState: () => during("state", () => engine.readState()),
      writeState: (state) => {
        engine.writeState(state);
      },
      memory: () => engine.memory(),
      dispose: () => {
        engine.dispose();
      },
    };
  }

  /** The first token waits for the prompt, which may be long. */
  async *#tokens(
    engine: Engine,
    prompt: readonly number[],
    options: SamplingOptions,
  ): AsyncGenerator<number> {
    const tokens = engine.generate(prompt, options)[Symbol.asyncIterator]();
    try {
      for (let isFirst = true; ; isFirst = false) {
        const next = await this.during("token", () => tokens.next(), isFirst);
        if (next.done === true) {
          return;
        }
        yield next.value;
      }
    } finally {
      await tokens.return?.();
    }
  }

  #limitSeconds(what: WaitKind, isFirst: boolean): number {
    const durations = this.#durations.get(what)?.toSorted((a, b) => a - b) ?? [];
    const usualMs = durations[Math.floor((durations.length - 1) / 2)];
    if (usualMs === undefined) {
      return firstLimitSeconds[what];
    }
    const limit = slackSeconds + (usualTimes * usualMs) / 1000;
    return isFirst ? Math.max(limit, firstLimitSeconds[what]) : limit;
  }

  #remember(what: WaitKind, durationMs: number): void {
    const durations = this.#durations.get(what) ?? [];
    this.#durations.set(what, [...durations, durationMs].slice(-rememberedWaits));
  }
}

function noAnswer(what: WaitKind, seconds: number): UserError {
  const who = what === "save" ? "The browser's database" : "The GPU";
  return new UserError("unexpected", `${who} has not answered for ${seconds} seconds.`, {
    remedy: "It may be busy and continue. If it does not, restart the engine, then the browser.",
  });
}
