// Chooses the fastest of several programs that compute the same on this device: measures once, then
// remembers.
//
// Samples are wall-clock times of submit to idle: timestamp queries are optional and quantised. The
// work grows until a sample is long against the clock's resolution. Candidates are then measured in
// alternating rounds, so that a change of GPU clock favours none, and each counts by its fastest
// sample: noise only ever adds time. A candidate must beat the safe one by a clear gain.
import { sha256Hex } from "../util/bytes.ts";
import { hasCode } from "../util/errors.ts";
import type { Program } from "./plan.ts";
import { Runner } from "./runner.ts";
import type { OpenDevice } from "./open-device.ts";

/** Earlier choices, on any adapter. */
export interface ChoiceCache {
  get(key: string): Promise<unknown>;
  set(key: string, choice: string): Promise<void>;
}

export interface TuningCandidate<Name extends string> {
  name: Name;
  /** The same kernels with growing work; the first is short on any GPU. */
  programs: readonly Program[];
}

export interface Tuning {
  opened: OpenDevice;
  cache: ChoiceCache;
  signal: AbortSignal;
}

/**
 * The fastest candidate: remembered, else measured until `deadlineMs` (of performance.now()) and
 * then remembered. The first is the safe one: it is chosen where the others are not clearly faster,
 * do not compile, or time is up.
 * @param shapeClass what decides which is fastest besides the adapter and the code
 * @throws UserError "device-lost"; the signal's AbortError
 */
export async function autotune<Name extends string>(
  tuning: Tuning,
  shapeClass: string,
  candidates: readonly TuningCandidate<Name>[],
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
  candidates: readonly TuningCandidate<string>[],
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
  candidates: readonly TuningCandidate<Name>[],
  deadlineMs: number,
): Promise<Name> {
  const safe = first(candidates);
  signal.throwIfAborted();
  const programs = candidates.flatMap((candidate) => candidate.programs);
  const runner = await createIfMemoryAllows(opened, programs);
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

/** A runner, or null where there is no memory to measure in: tuning is never a reason to fail. */
async function createIfMemoryAllows(
  opened: OpenDevice,
  programs: Program[],
): Promise<Runner | null> {
  try {
    return await Runner.create(opened, programs);
  } catch (error) {
    if (hasCode(error, "out-of-memory")) {
      return null;
    }
    throw error;
  }
}

/** Browsers round time to 0.1 ms and resolve about as much too late; a sample is much longer. */
const sampleMs = 8;
/** A device that needs longer for the least work is too slow to measure on. */
const slowMs = 60;
const rounds = 4;
/** A candidate slower than the fastest by this factor is left out of the next round. */
const hopelessFactor = 1.5;
/** Share of the safe candidate's time below which a difference is a gain, not noise. */
const clearGain = 0.95;

interface Runnable<Name extends string> {
  candidate: TuningCandidate<Name>;
  /** Its fastest sample. */
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

  async run<Name extends string>(candidates: readonly TuningCandidate<Name>[]): Promise<Name> {
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
    await this.#runRounds(field, level);
    const [winner] = field.toSorted((a, b) => a.bestMs - b.bestMs);
    const safeMs = field.find(({ candidate }) => candidate === safe)?.bestMs ?? Infinity;
    return winner !== undefined && winner.bestMs < safeMs * clearGain
      ? winner.candidate.name
      : safe.name;
  }

  /** Whether it is ready to run by then. A candidate the compiler refuses is left out. */
  async #compile({ programs }: TuningCandidate<string>, byMs: number): Promise<boolean> {
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
    // Pop now, not when the compiler is done: the scopes would also cover other work meanwhile.
    const faults = Promise.all([device.popErrorScope(), device.popErrorScope()]);
    faults.catch(() => null); // of a lost device
    const timeout = new Promise<false>((resolve) => {
      setTimeout(resolve, Math.max(0, byMs - performance.now()), false);
    });
    const isReady = await Promise.race([prepared, timeout]);
    this.#signal.throwIfAborted();
    return isReady;
  }

  /** The least work that makes a sample long enough, else the most; null on a slow device. */
  async #enoughWork({ programs }: TuningCandidate<string>): Promise<number | null> {
    for (const [level, program] of programs.entries()) {
      await this.#time(program); // the first run clears memory and meets cold caches
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

  /** Fills in `bestMs` until all rounds are done or time is up. */
  async #runRounds(field: Runnable<string>[], level: number): Promise<void> {
    for (const { candidate } of field) {
      await this.#time(first(candidate.programs));
    }
    for (let round = 0; round < rounds; round++) {
      const leastMs = Math.min(...field.map(({ bestMs }) => bestMs));
      for (const runnable of field.filter(({ bestMs }) => !(bestMs > hopelessFactor * leastMs))) {
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
