// Which checkpoints of a run stay: the newest generations and the best by held-out loss.
import type { CheckpointSummary } from "./summary.ts";

type Generation = Pick<CheckpointSummary, "key" | "step" | "heldOutLoss">;

/** The key of the lowest held-out loss, the newer of two equal ones; null when nothing was evaluated. */
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
 * The keys to delete so that `limit` checkpoints (from 1) and the best remain.
 * Of two saves at one step the older is superseded and does not count.
 */
export function expendableKeys(newestFirst: readonly Generation[], limit: number): string[] {
  const generations = newestFirst.filter(
    ({ step }, i) => newestFirst.findIndex((other) => other.step === step) === i,
  );
  const kept = new Set(generations.slice(0, limit).map(({ key }) => key));
  const best = bestKey(newestFirst);
  return newestFirst.map(({ key }) => key).filter((key) => !kept.has(key) && key !== best);
}
