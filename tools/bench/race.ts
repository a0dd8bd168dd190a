// Times programs against each other: round by round in turn, so that whatever else the machine does hits them all.

/** A program made ready to run. */
export interface Contender {
  /** Once through, and done on the device when it resolves. */
  run: () => Promise<void>;
  dispose: () => void;
}

/** What takes this long is repeated three times, all else at least five. */
const slowMs = 10_000;
/** Short programs are repeated until they took this long together, but not for ever. */
const enoughMs = 500;
const mostRepeats = 25;

/** Median milliseconds of each. The first run of each compiles and is not counted. */
export async function race(
  contenders: ReadonlyMap<string, Contender>,
): Promise<Map<string, number>> {
  const samples = new Map<string, number[]>();
  for (const [name, contender] of contenders) {
    await contender.run();
    samples.set(name, []);
  }
  while ([...samples.values()].some(needsMore)) {
    for (const [name, contender] of contenders) {
      const own = samples.get(name) ?? [];
      if (needsMore(own)) {
        own.push(await timeOf(contender.run));
      }
    }
  }
  return new Map(Array.from(samples, ([name, times]) => [name, median(times)]));
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
