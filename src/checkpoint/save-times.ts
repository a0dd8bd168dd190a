// When checkpoints were saved: later ones have later times, and none leaves the permitted range.
import { putManifest, type PayloadStore, type SavedRun } from "./database/payload-store.ts";
import { clockTime, latestClock } from "./file/times.ts";

/** Of the next save: later than all others, lost ones too, even when the clock was set back. */
export async function timeOfNext(
  saved: readonly SavedRun[],
  { mirror }: Pick<PayloadStore, "mirror">,
): Promise<number> {
  const times = [
    ...saved.map(({ manifest }) => manifest.createdAt),
    ...(await mirror.read()).map(({ savedAt }) => savedAt),
  ];
  return times
    .filter((time) => time <= latestClock)
    .reduce((next, time) => Math.max(next, time + 1), clockTime());
}

/**
 * Dates checkpoints of the last year of the range now, in their order: an earlier version imported
 * such dates, past which no later save fits. Requires the write lock.
 */
export async function mendTimes(saved: readonly SavedRun[], store: PayloadStore): Promise<void> {
  const beyond = saved.filter(({ manifest }) => manifest.createdAt > latestClock);
  let createdAt = beyond.length === 0 ? 0 : await timeOfNext(saved, store);
  for (const { id, manifest } of beyond.sort(byTime)) {
    await putManifest({ id, manifest: { ...manifest, createdAt } }, store.use);
    createdAt += 1;
  }
}

function byTime({ manifest: a }: SavedRun, { manifest: b }: SavedRun): number {
  return a.createdAt - b.createdAt || a.run.step - b.run.step;
}
