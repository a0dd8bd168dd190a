// Attention over head sizes and counts, with a soft cap and without, against tfjs and finite
// differences, within the limits of every device.
import { expect, test } from "vitest";
import {
  backwardKeyValueKernel,
  backwardQueryKernel,
  forwardFewKernel,
  forwardKernel,
} from "../../../src/kernels/attention/kernels.ts";
import { causalRanges } from "../../../src/kernels/attention/ranges.ts";
import { distance } from "../../support/kernels.ts";
import { compare, inputsOf, run, type Ranges, type Sizes } from "./attention-reference.ts";

// Tests of equal head size are neighbours: a pipeline that is still in use is not compiled again.

test.each([
  [64, 9, 3, 64],
  [64, 14, 2, 37],
  [32, 4, 4, 65],
  [80, 2, 2, 81],
  [100, 1, 1, 51],
  [128, 7, 1, 65],
  [128, 2, 2, 129],
  [48, 3, 1, 49],
])(
  "attention with heads of size %i, %i for queries and %i for keys, over %i tokens follows tfjs",
  async (headDim, heads, kvHeads, tokens) => {
    await compare(
      { queries: tokens, keys: tokens, heads, kvHeads, headDim },
      causalRanges([tokens]),
    );
  },
);

test.each([
  [8, 4, 2, 33],
  [256, 4, 1, 31],
  [256, 4, 1, 97],
])(
  "attention with heads of extreme size %i, %i for queries and %i for keys, over %i tokens follows tfjs",
  async (headDim, heads, kvHeads, tokens) => {
    const sizes = { queries: tokens, keys: tokens, heads, kvHeads, headDim };
    await compare(sizes, causalRanges([tokens - 3, 3]));
  },
);

// Of scores up to 20 in size: caps that hardly matter, matter, and flatten nearly everything.
test.each([
  [64, 4, 2, 65, 50, Infinity],
  [64, 1, 1, 33, 4, Infinity],
  [64, 2, 1, 129, 1, 17],
  [256, 4, 1, 97, 4, 20],
])(
  "attention with heads of size %i, %i for queries and %i for keys, over %i tokens, cap %i and window %d follows tfjs",
  async (headDim, heads, kvHeads, tokens, softcap, window) => {
    const sizes = { queries: tokens, keys: tokens, heads, kvHeads, headDim, softcap };
    await compare(sizes, causalRanges([tokens], window));
  },
);

test("the kernels for the largest heads fit the default limits of WebGPU", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice();
  expect(device.limits.maxComputeWorkgroupStorageSize).toBe(16384);
  expect(device.limits.maxComputeInvocationsPerWorkgroup).toBe(256);
  for (const kernelOf of [
    forwardKernel,
    forwardFewKernel,
    backwardQueryKernel,
    backwardKeyValueKernel,
  ]) {
    const module = device.createShaderModule({ code: kernelOf(256, "capped").code });
    await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
  }
  device.destroy();
});

test.each([undefined, 2])(
  "gradients of attention equal finite differences, soft cap %o",
  async (softcap) => {
    const sizes = {
      queries: 6,
      keys: 6,
      heads: 2,
      kvHeads: 1,
      headDim: 8,
      ...(softcap && { softcap }),
    };
    const ranges = causalRanges([6], 4);
    const { q, k, v, dO } = inputsOf(sizes);
    const { gradients } = await run(sizes, ranges);
    const step = 2 ** -8;
    [q, k, v].forEach((values, which) => {
      const at = (by: number, index: number) =>
        weighedSum(
          sizes,
          ranges,
          [q, k, v].with(which, values.with(index, values[index]! + by)),
          dO,
        );
      const expected = Array.from(
        values,
        (_, index) => (at(step, index) - at(-step, index)) / (2 * step),
      );
      expect(distance(gradients[which]!, expected)).toBeLessThan(2e-4);
    });
  },
);

/** The sum of dO * o, in doubles: what the gradients of attention are the gradients of. */
function weighedSum(
  { queries, heads, kvHeads, headDim, softcap = Infinity }: Sizes,
  ranges: Ranges,
  [q, k, v]: Float32Array[],
  dO: Float32Array,
): number {
  let result = 0;
  for (let place = 0; place < queries * heads; place++) {
    const [row, head] = [Math.floor(place / heads), place % heads];
    let [weights, sum] = [0, 0];
    for (let key = ranges[2 * row]!; key < ranges[2 * row + 1]!; key++) {
      const at = (key * kvHeads + Math.floor(head / (heads / kvHeads))) * headDim;
      let [score, value] = [0, 0];
      for (let i = 0; i < headDim; i++) {
        score += q![place * headDim + i]! * k![at + i]!;
        value += dO[place * headDim + i]! * v![at + i]!;
      }
      score /= Math.sqrt(headDim);
      const weight = Math.exp(softcap === Infinity ? score : softcap * Math.tanh(score / softcap));
      weights += weight;
      sum += weight * value;
    }
    result += sum / weights;
  }
  return result;
}
