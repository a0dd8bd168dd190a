// Selects the checkpoints of a run to keep: the newest, the best by held-out loss, and the pinned.
import type { CheckpointSummary } from "./file/summary.ts";

type Measured = Pick<CheckpointSummary, "key" | "heldOutLoss">;
type Generation = Pick<CheckpointSummary, "key" | "step" | "isBest" | "isPinned">;

/**
 * The key of the lowest held-out loss, the newer of two equal; null when none was evaluated, and
 * when none is better than the untrained model.
 * @param start held-out loss before the first step; null where it is unknown
 */
export function bestKey(newestFirst: readonly Measured[], start: number | null): string | null {
  let best: string | null = null;
  let lowest = start ?? Infinity;
  for (const { key, heldOutLoss } of newestFirst) {
    if (heldOutLoss !== null && heldOutLoss < lowest) {
      best = key;
      lowest = heldOutLoss;
    }
  }
  return best;
}

/**
 * The keys to delete, newest first, so that `limit` checkpoints (from 1), the best and the pinned
 * remain. Of two saves at one step the older is superseded and does not count.
 */
export function expendableKeys(newestFirst: readonly Generation[], limit: number): string[] {
  const generations = newestFirst.filter(
    ({ step }, i) => newestFirst.findIndex((other) => other.step === step) === i,
  );
  const kept = new Set(generations.slice(0, limit).map(({ key }) => key));
  return newestFirst
    .filter(({ key, isBest, isPinned }) => !kept.has(key) && !isBest && !isPinned)
    .map(({ key }) => key);
}
