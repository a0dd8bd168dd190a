// Notices that the GPU or the database keeps a run waiting far longer than usual. Nothing tells a
// hang from a slow answer but time, so nothing is given up here: it is told, and when the answer
// comes after all that is told as well.
import type { Engine, SamplingOptions } from "../engine/contract.ts";
import { toPlain, UserError, type PlainError } from "../util/errors.ts";

/** What is waited for; each kind has its own pace. */
export type WaitKind = "device" | "step" | "evaluation" | "token" | "state" | "save";

/**
 * Seconds that are borne where nothing is known of the pace: the first of a kind on a device
 * compiles, and a software GPU takes a quarter of a minute for a device, and some seconds for a
 * small step.
 */
const firstLimitSeconds: Record<WaitKind, number> = {
  device: 60,
  step: 120,
  evaluation: 120,
  token: 120,
  state: 10,
  save: 10,
};

/** Else this much, and so many times what it usually takes. */
const slackSeconds = 5;
const usualTimes = 10;
/**
 * Waits that make up the usual one, which is their median: one that compiled, or was held up, does
 * not count.
 */
const rememberedWaits = 5;

/**
 * Seconds counted one by one, not by a clock: a machine that slept, or a page that was frozen, has
 * waited for none.
 */
const tickMs = 1000;

export class WaitWatch {
  readonly #onChange: (fault: PlainError | null) => void;
  readonly #durations = new Map<WaitKind, number[]>();

  /** @param onChange hears of a wait that goes on and on, and with null of its end */
  constructor(onChange: (fault: PlainError | null) => void) {
    this.#onChange = onChange;
  }

  /**
   * Does the task, and tells when it is waited for too long.
   * @param task what it calls counts as a sign of life: the wait begins anew
   * @param isFirst of its kind on a device, which may take longer than the usual
   */
  async during<T>(
    what: WaitKind,
    task: (alive: () => void) => Promise<T>,
    isFirst = false,
  ): Promise<T> {
    const limit = this.#limitSeconds(what, isFirst);
    let begunAt = performance.now();
    let seconds = 0;
    let isTold = false;
    const alive = () => {
      seconds = 0;
      begunAt = performance.now();
      if (isTold) {
        isTold = false;
        this.#onChange(null);
      }
    };
    const timer = setInterval(() => {
      seconds += 1;
      if (seconds > limit && !isTold) {
        isTold = true;
        this.#onChange(toPlain(noAnswer(what, seconds)));
      }
    }, tickMs);
    try {
      return await task(alive);
    } finally {
      clearInterval(timer);
      this.#remember(what, performance.now() - begunAt);
      alive();
    }
  }

  /** The same engine, each of its waits watched. */
  watched(engine: Engine): Engine {
    const begun = new Set<WaitKind>();
    const during = <T>(what: WaitKind, task: () => Promise<T>) => {
      const isFirst = !begun.has(what);
      begun.add(what);
      return this.during(what, task, isFirst);
    };
    return {
      step: (microBatches, hyper) => during("step", () => engine.step(microBatches, hyper)),
      evaluate: (batch) => during("evaluation", () => engine.evaluate(batch)),
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

  /** Before its first token an answer takes in the prompt, which may be long. */
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
    remedy:
      "It may be busy and go on by itself. If it does not, start the engine anew; if that does not help, the browser.",
  });
}
