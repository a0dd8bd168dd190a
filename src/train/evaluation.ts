// The held-out loss: cross-entropy per supervised token over all held-out rows, weighted by tokens.
import type { TokenBatch } from "../data/batching/batch.ts";
import type { Engine } from "../engine/contract.ts";

/**
 * Mean loss in nats per supervised token. Sums are divided once at the end: a mean of batch means
 * would weigh tokens of short batches more. Weights of rows do not count.
 * @param useAdapter false for the base model
 * @throws the signal's AbortError between batches
 */
export async function evaluate(
  engine: Pick<Engine, "evaluate">,
  batches: readonly TokenBatch[],
  signal: AbortSignal,
  useAdapter = true,
): Promise<number> {
  let lossSum = 0;
  let tokens = 0;
  for (const batch of batches) {
    signal.throwIfAborted();
    const part = await engine.evaluate(batch, useAdapter);
    lossSum += part.lossSum;
    tokens += part.supervisedTokens;
  }
  return lossSum / tokens;
}
