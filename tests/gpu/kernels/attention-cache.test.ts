// Attention of the last queries of a key/value cache, against tfjs: few queries and many, windows,
// a soft cap, and cache rows that no query sees.
import { expect, test } from "vitest";
import { attention } from "../../../src/kernels/attention/kernel.ts";
import { distance, runOnGpu, TestTensors } from "../../support/kernels.ts";
import { cacheRanges, compare, expectedOf, inputsOf, lseIn, lseOf } from "./attention-reference.ts";

test.each([
  [1, 129, 130, Infinity],
  [3, 1100, 1100, 1050],
])(
  "attention of %i queries at the end of %i keys in a cache of %i, window %d, soft cap 4 follows tfjs",
  async (queries, held, keys, window) => {
    const sizes = { queries, keys, heads: 4, kvHeads: 1, headDim: 256, softcap: 4 };
    await compare(sizes, cacheRanges(queries, held, window), true);
  },
);

test.each([
  [5, 130, 200, 20],
  [33, 100, 160, Infinity],
])(
  "attention and gradients of %i queries at the end of %i keys in a cache of %i, window %d follow tfjs",
  async (queries, held, keys, window) => {
    await compare(
      { queries, keys, heads: 6, kvHeads: 2, headDim: 48 },
      cacheRanges(queries, held, window),
    );
  },
);

test.each([
  [1, 1, 64, Infinity],
  [1, 63, 64, Infinity],
  [1, 127, 130, Infinity],
  [1, 129, 130, Infinity],
  [1, 1024, 1024, Infinity],
  [1, 1025, 2000, Infinity],
  [1, 2500, 2600, Infinity],
  [1, 300, 400, 128],
  [4, 130, 130, Infinity],
])(
  "attention of at most four queries, here %i, at the end of %i keys in a cache of %i, window %d follows tfjs",
  async (queries, held, keys, window) => {
    const sizes = { queries, keys, heads: 6, kvHeads: 2, headDim: 48 };
    await compare(sizes, cacheRanges(queries, held, window), true);
  },
);

test.each([64, 80, 128])(
  "attention of one query with heads of size %i to a cache of 77 keys follows tfjs",
  async (headDim) => {
    await compare(
      { queries: 1, keys: 90, heads: 7, kvHeads: 1, headDim },
      cacheRanges(1, 77),
      true,
    );
  },
);

test("cache rows that no query sees never affect a result", async () => {
  for (const queries of [1, 6]) {
    const sizes = { queries, keys: 40, heads: 1, kvHeads: 1, headDim: 64 };
    const { q, k, v } = inputsOf(sizes);
    k.fill(NaN, 20 * 64);
    v.fill(NaN, 20 * 64);
    const tensors = new TestTensors();
    const o = tensors.output("o", queries * 64);
    const rowStats = tensors.output("rowStats", 2 * queries);
    const dispatches = [
      attention(
        { ...sizes, scale: 0.125, softcap: null },
        {
          q: tensors.given("q", q),
          k: tensors.given("k", k),
          v: tensors.given("v", v),
          ranges: tensors.given("ranges", cacheRanges(queries, 20)),
          o,
          rowStats,
        },
      ),
    ];
    const [values, sums] = await runOnGpu(dispatches, tensors, [o, rowStats]);
    const [expected] = expectedOf({ ...sizes, keys: 20 }, cacheRanges(queries, 20));
    expect(distance(values!, expected!)).toBeLessThan(3e-6);
    expect(
      distance(lseIn(sums!), lseOf({ ...sizes, keys: 20 }, cacheRanges(queries, 20))),
    ).toBeLessThan(2e-6);
  }
});
