// Selects the checkpoints of a run to keep: the newest, the best by held-out loss, and the pinned.
import type { CheckpointSummary } from "./file/summary.ts";

type Generation = Pick<CheckpointSummary, "key" | "step" | "heldOutLoss"> &
  Partial<Pick<CheckpointSummary, "isPinned">>;

/** The key of the lowest held-out loss, the newer of two equal; null when none was evaluated. */
export function bestKey(newestFirst: readonly Generation[]): string | null {
  let best: { key: string; heldOutLoss: number } | null = null;
  for (const { key, heldOutLoss } of newestFirst) {
    if (heldOutLoss !== null && (best === null || heldOutLoss < best.heldOutLoss)) {
      best = { key, heldOutLoss };
    }
  }
  return best?.key ?? null;
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
  const best = bestKey(newestFirst);
  return newestFirst
    .filter(({ key, isPinned }) => !kept.has(key) && key !== best && isPinned !== true)
    .map(({ key }) => key);
}
