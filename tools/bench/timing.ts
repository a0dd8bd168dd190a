// Times programs in alternating rounds, so that other load on the machine affects all of them.

/** A prepared program. */
export interface TimedProgram {
  /** Runs it `times` times without waits in between; resolves when the device has finished. */
  run: (times: number) => Promise<void>;
  dispose: () => void;
}

/**
 * Single runs, or batches of `batchMs`, so that the wait for a fast device does not count.
 */
export type Pace = "single" | "batched";
const batchMs = 50;
const longestBatch = 100;

/** Programs of this duration are repeated three times, all others at least five. */
const slowMs = 10_000;
/** Short programs are repeated up to this total time. */
const enoughMs = 500;
const mostRepeats = 25;

/** Median milliseconds of one run. The first run of each compiles and is not counted. */
export async function medianTimes(
  programs: ReadonlyMap<string, TimedProgram>,
  pace: Pace,
): Promise<Map<string, number>> {
  const series = new Map<string, Series>();
  for (const [name, { run }] of programs) {
    await run(1);
    series.set(name, pace === "single" ? { times: 1, samples: [] } : await batchedSeries(run));
  }
  while ([...series.values()].some(({ samples }) => needsMore(samples))) {
    for (const [name, { run }] of programs) {
      const { times, samples } = series.get(name) ?? { times: 1, samples: [] };
      if (needsMore(samples)) {
        samples.push(await timeOf(() => run(times)));
      }
    }
  }
  return new Map(
    Array.from(series, ([name, { times, samples }]) => [name, median(samples) / times]),
  );
}

interface Series {
  /** Runs per batch. */
  times: number;
  samples: number[];
}

async function batchedSeries(run: TimedProgram["run"]): Promise<Series> {
  const ms = await timeOf(() => run(1));
  const times = Math.min(longestBatch, Math.max(1, Math.round(batchMs / ms)));
  return { times, samples: times === 1 ? [ms] : [] };
}

/** True when the median needs another time. */
export function needsMore(times: readonly number[]): boolean {
  const [first = 0] = times;
  const total = times.reduce((sum, time) => sum + time, 0);
  const fewest = first > slowMs ? 3 : 5;
  return times.length < fewest || (total < enoughMs && times.length < mostRepeats);
}

export async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
