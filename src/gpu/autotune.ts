// Which of several programs that compute the same is the fastest on this device: measured once,
// then remembered.
import { sha256Hex } from "../util/bytes.ts";
import { hasCode } from "../util/errors.ts";
import type { Program } from "./plan.ts";
import { Runner } from "./runner.ts";
import type { OpenDevice } from "./open-device.ts";

/** What was found before, on any adapter; lasts as long as whoever gives it can make it last. */
export interface ChoiceCache {
  get(key: string): Promise<unknown>;
  set(key: string, choice: string): Promise<void>;
}

export interface Candidate<Name extends string> {
  name: Name;
  /** The same kernels with more and more work; the first is done in no time on any GPU. */
  programs: readonly Program[];
}

export interface Tuning {
  opened: OpenDevice;
  cache: ChoiceCache;
  signal: AbortSignal;
}

/**
 * The fastest candidate: as remembered, else measured until `deadlineMs` (of performance.now()) and
 * then remembered. The first is the safe one: it stays where others are not clearly faster, do not
 * compile, or time is up.
 * @param shapeClass what besides adapter and code decides which is fastest
 * @throws UserError "device-lost"; the signal's AbortError
 */
export async function autotune<Name extends string>(
  tuning: Tuning,
  shapeClass: string,
  candidates: readonly Candidate<Name>[],
  deadlineMs: number,
): Promise<Name> {
  const { opened, cache } = tuning;
  const key = await choiceKey(opened.adapterInfo, shapeClass, candidates);
  const known = await cache.get(key);
  const remembered = candidates.find(({ name }) => name === known);
  if (remembered !== undefined) {
    return remembered.name;
  }
  const fastest = await measure(tuning, candidates, deadlineMs);
  await cache.set(key, fastest);
  return fastest;
}

async function choiceKey(
  { vendor, architecture, description }: GPUAdapterInfo,
  shapeClass: string,
  candidates: readonly Candidate<string>[],
): Promise<string> {
  const code = candidates.map(({ name, programs }) => {
    const kernels = programs.flatMap(({ dispatches }) => dispatches.map(({ kernel }) => kernel));
    return [name, ...new Set(kernels.map((kernel) => kernel.code))].join("\n");
  });
  const hash = await sha256Hex(new TextEncoder().encode(code.join("\n")));
  return [vendor, architecture, description, shapeClass, hash].join(" | ");
}

async function measure<Name extends string>(
  { opened, signal }: Tuning,
  candidates: readonly Candidate<Name>[],
  deadlineMs: number,
): Promise<Name> {
  const safe = first(candidates);
  signal.throwIfAborted();
  const programs = candidates.flatMap((candidate) => candidate.programs);
  const runner = await createIfRoom(opened, programs);
  if (runner === null) {
    return safe.name;
  }
  try {
    const race = new Race(opened, runner, signal, deadlineMs);
    return await race.run(candidates);
  } finally {
    runner.dispose();
  }
}

/**
 * What is tuned can go on without: where there is no room to measure, there is none to fail for.
 */
async function createIfRoom(opened: OpenDevice, programs: Program[]): Promise<Runner | null> {
  try {
    return await Runner.create(opened, programs);
  } catch (error) {
    if (hasCode(error, "out-of-memory")) {
      return null;
    }
    throw error;
  }
}

/**
 * Browsers round time to 0.1 ms and answer late by about as much: a sample takes many times that.
 */
const sampleMs = 8;
/** Where the least work takes this long, the rest would take too long. */
const slowMs = 60;
/** Candidates take turns, so that a clock that speeds up or down favours none. */
const turns = 4;
/** One that is this much slower after a turn is left out of the next. */
const hopeless = 1.5;
/** How much less time than the safe one's is a gain rather than noise. */
const clearGain = 0.95;

interface Runnable<Name extends string> {
  candidate: Candidate<Name>;
  /** The least of its samples. */
  bestMs: number;
}

class Race {
  readonly #opened: OpenDevice;
  readonly #runner: Runner;
  readonly #signal: AbortSignal;
  readonly #deadlineMs: number;

  constructor(opened: OpenDevice, runner: Runner, signal: AbortSignal, deadlineMs: number) {
    this.#opened = opened;
    this.#runner = runner;
    this.#signal = signal;
    this.#deadlineMs = deadlineMs;
  }

  async run<Name extends string>(candidates: readonly Candidate<Name>[]): Promise<Name> {
    const safe = first(candidates);
    const isReady = await this.#compile(safe, this.#deadlineMs);
    const level = isReady ? await this.#enoughWork(safe) : null;
    if (level === null) {
      return safe.name;
    }
    const halfWay = (performance.now() + this.#deadlineMs) / 2;
    const compiled = await Promise.all(
      candidates.map(async (candidate) =>
        (await this.#compile(candidate, halfWay)) ? [candidate] : [],
      ),
    );
    const field = compiled.flat().map((candidate) => ({ candidate, bestMs: Infinity }));
    await this.#takeTurns(field, level);
    const [winner] = field.toSorted((a, b) => a.bestMs - b.bestMs);
    const safeMs = field.find(({ candidate }) => candidate === safe)?.bestMs ?? Infinity;
    return winner !== undefined && winner.bestMs < safeMs * clearGain
      ? winner.candidate.name
      : safe.name;
  }

  /** Whether it is ready to run by then. A compiler's refusal concerns this candidate alone. */
  async #compile({ programs }: Candidate<string>, byMs: number): Promise<boolean> {
    const { device, isLost } = this.#opened;
    device.pushErrorScope("validation");
    device.pushErrorScope("internal");
    const prepared = this.#runner.prepare(programs).then(
      () => true,
      (error: unknown) => {
        if (isLost()) {
          throw error;
        }
        return false;
      },
    );
    // The scopes end here, not when the compiler has answered: they would cover what others do
    // meanwhile.
    const faults = Promise.all([device.popErrorScope(), device.popErrorScope()]);
    faults.catch(() => null); // of a lost device
    const tooLate = new Promise<false>((resolve) => {
      setTimeout(resolve, Math.max(0, byMs - performance.now()), false);
    });
    const isReady = await Promise.race([prepared, tooLate]);
    this.#signal.throwIfAborted();
    return isReady;
  }

  /**
   * The least work that takes as long as a sample should, or the most there is; null when the
   * device is too slow.
   */
  async #enoughWork({ programs }: Candidate<string>): Promise<number | null> {
    for (const [level, program] of programs.entries()) {
      await this.#time(program); // the first time, memory is cleared and caches are cold
      const ms = await this.#time(program);
      if (performance.now() > this.#deadlineMs || (level === 0 && ms > slowMs)) {
        return null;
      }
      if (ms >= sampleMs) {
        return level;
      }
    }
    return programs.length - 1;
  }

  /** Fills in `bestMs` until each had its turns or time is up. */
  async #takeTurns(field: Runnable<string>[], level: number): Promise<void> {
    for (const { candidate } of field) {
      await this.#time(first(candidate.programs));
    }
    for (let turn = 0; turn < turns; turn++) {
      const leastMs = Math.min(...field.map(({ bestMs }) => bestMs));
      for (const runnable of field.filter(({ bestMs }) => !(bestMs > hopeless * leastMs))) {
        if (performance.now() > this.#deadlineMs) {
          return;
        }
        const ms = await this.#time(runnable.candidate.programs[level]);
        runnable.bestMs = Math.min(runnable.bestMs, ms);
      }
    }
  }

  async #time(program: Program | undefined): Promise<number> {
    this.#signal.throwIfAborted();
    if (program === undefined) {
      throw new Error("a candidate has less work than the others");
    }
    const startedAt = performance.now();
    this.#runner.run(program);
    await this.#runner.idle();
    return performance.now() - startedAt;
  }
}

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) {
    throw new Error("nothing to choose from");
  }
  return item;
}
