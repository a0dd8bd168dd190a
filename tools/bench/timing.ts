// Times programs in turn, round by round: whatever else the machine does affects all of them.

/** A program made ready to run. */
export interface TimedProgram {
  /** So many times over without waiting in between, and all done on the device when it resolves. */
  run: (times: number) => Promise<void>;
  dispose: () => void;
}

/**
 * Once at a time; or as many times as take `batchMs`, so that the wait for a fast device does not
 * count.
 */
export type Pace = "single" | "batched";
const batchMs = 50;
const longestBatch = 100;

/** Programs of this duration are repeated three times, all others at least five. */
const slowMs = 10_000;
/** Short programs are repeated until they took this long together, but not for ever. */
const enoughMs = 500;
const mostRepeats = 25;

/** Median milliseconds of one time through. The first run of each compiles and is not counted. */
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
  /** How often at a time. */
  times: number;
  samples: number[];
}

async function batchedSeries(run: TimedProgram["run"]): Promise<Series> {
  const ms = await timeOf(() => run(1));
  const times = Math.min(longestBatch, Math.max(1, Math.round(batchMs / ms)));
  return { times, samples: times === 1 ? [ms] : [] };
}

/** Whether a median of these times needs another one. */
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
