// What the loss of a step is divided by: the one place where rows with weights and rows without
// differ.
import type { TokenBatch } from "../data/batching/batch.ts";

/**
 * Supervised tokens of all micro-batches or, where rows have weights, the sum of |weights|, which
 * is that of |w| over the rows. 1 where that is 0: loss and gradient are then 0, as in TRL, which
 * clamps its denominator (trl/trainer/sft_trainer.py, compute_loss).
 */
export function lossWeightOf(microBatches: readonly TokenBatch[]): number {
  const weight = microBatches.reduce((sum, batch) => sum + weightOf(batch), 0);
  return weight === 0 ? 1 : weight;
}

function weightOf({ weights, supervisedTokens }: TokenBatch): number {
  return weights === null
    ? supervisedTokens
    : weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
}
