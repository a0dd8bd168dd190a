// Draws the next token from logits: temperature, then top-p, then one uniform number, in whole
// numbers, so that every device draws the token that engine/sampling.ts draws on the host.
import { defineKernel } from "../../gpu/kernel.ts";
import { dispatch, scratch, type Dispatch, type Tensor } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import drawSource from "./draw.wgsl?raw";
import { settingPlaces } from "./settings.ts";
import weightsSource from "./weights.wgsl?raw";
import whole from "./whole.wgsl?raw";

const bits = { use: "in", element: "u32" } as const;

const weightsKernel = elementwise({
  name: "draw-weights",
  source: weightsSource,
  items: "params.count",
  definitions: whole,
  constants: settingPlaces,
  bindings: {
    logits: bits,
    best: bits,
    settings: { use: "constant", element: "u32" },
    powers: { use: "constant", element: "vec2u" },
    weights: { use: "out", element: "u32" },
  },
  params: { count: "u32" },
});

const drawKernel = defineKernel({
  name: "draw",
  source: drawSource,
  definitions: whole,
  constants: { WORKGROUP_SIZE: 256, ...settingPlaces },
  bindings: {
    logits: bits,
    best: bits,
    settings: { use: "constant", element: "u32" },
    weights: bits,
    token: { use: "out", element: "u32" },
    chosen: { use: "inout", element: "u32" },
  },
  params: { count: "u32", idBits: "u32" },
});

/** A weight is at most 2^44, and twice the sum of all must stay below 2^64. */
const mostTokens = 2 ** 19 - 1;

export interface DrawTensors {
  /** f32 [count] */
  logits: Tensor;
  /** u32 [1]: the first of the largest logits, of which one is finite. */
  best: Tensor;
  /** u32 [settingWords]: see `packSettings`. */
  settings: Tensor;
  /** u32 [powerCount, 2]: `powersOfTwo`. */
  powers: Tensor;
  /** u32 [1]: the token. */
  token: Tensor;
  /** u32: the token too, at the slot of the settings. */
  chosen: Tensor;
}

/**
 * With temperature t, token i has probability proportional to exp(logit_i / t); of those the fewest
 * most likely ones whose probabilities reach top-p can be drawn, in proportion. Equal logits rank
 * by id.
 * @param count logits, 1 to 524,287
 * @returns two dispatches; without sampling the second alone is needed
 */
export function drawToken(
  count: number,
  { logits, best, settings, powers, token, chosen }: DrawTensors,
): [weights: Dispatch, draw: Dispatch] {
  invariant(count >= 1 && count <= mostTokens, `a draw from ${count} tokens`);
  const weights = scratch("weights of tokens", 2 * count);
  return [
    dispatch(weightsKernel, {
      tensors: { logits, best, settings, powers, weights },
      params: { count },
      grid: gridOver(count),
      work: 100 * count,
    }),
    dispatch(drawKernel, {
      tensors: { logits, best, settings, weights, token, chosen },
      params: { count, idBits: Math.max(1, Math.ceil(Math.log2(count))) },
      grid: [1, 1, 1],
      work: 100 * count,
    }),
  ];
}
