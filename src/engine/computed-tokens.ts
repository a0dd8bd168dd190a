// How many tokens an engine computes for a micro-batch, padding included: what its time goes by.
import type { BatchShape, EngineName } from "./contract.ts";
import { packPasses, passTokens } from "./webgpu/passes.ts";

/** @param rowTokens tokens of each row of a micro-batch, padding left out */
export type ComputedTokens = (rowTokens: readonly number[]) => number;

/**
 * The reference engine computes the whole shape. Where memory makes the compiled engine take a
 * micro-batch in several passes, it may compute a tile more for each.
 */
export function computedTokens(engine: EngineName, { rows, length }: BatchShape): ComputedTokens {
  const mostTokens = rows * length;
  return engine === "tfjs"
    ? () => mostTokens
    : (rowTokens) =>
        packPasses(rowTokens, mostTokens).reduce(
          (sum, { tokens }) => sum + passTokens(tokens, mostTokens),
          0,
        );
}
