// Attention by hand, and against tfjs and its gradients: causal rows, windows, segments and
// padding, extreme scores, the same bits from two runs, and the ranges of keys.
import { expect, test } from "vitest";
import { attention } from "../../../src/kernels/attention/kernel.ts";
import { causalRanges, keyRanges } from "../../../src/kernels/attention/ranges.ts";
import { distance, runOnGpu, TestTensors } from "../../support/kernels.ts";
import { cacheRanges, compare, expectedOf, lseIn, run } from "./attention-reference.ts";

// Tests of equal head size are neighbours: a pipeline that is still in use is not compiled again.

test("attention of five queries to keys of weight 1 : 2 : 3 equals the values worked out by hand", async () => {
  const headDim = 64;
  const padded = (...values: number[]) =>
    values.flatMap((value) => [value, ...new Array<number>(headDim - 1).fill(0)]);
  const queries = 5; // one more than the kernel for few queries takes
  const tensors = new TestTensors();
  const o = tensors.output("o", queries * headDim);
  const rowStats = tensors.output("rowStats", 2 * queries);
  const forward = attention(
    { queries, keys: 3, heads: 1, kvHeads: 1, headDim, scale: 0.5, softcap: null },
    {
      q: tensors.given("q", Float32Array.from(padded(2, 2, 2, 0, 2))),
      k: tensors.given("k", Float32Array.from(padded(0, Math.log(2), Math.log(3)))),
      v: tensors.given("v", Float32Array.from(padded(6, 12, 18))),
      ranges: tensors.given("ranges", Uint32Array.of(0, 3, 1, 3, 2, 2, 0, 3, 1, 2)),
      o,
      rowStats,
    },
  );
  const [values, sums] = await runOnGpu([forward], tensors, [o, rowStats]);
  // (6 + 24 + 54) / 6, (24 + 54) / 5, nothing, the mean, the one key
  expect(distance(values!, padded(14, 15.6, 0, 12, 12))).toBeLessThan(1e-6);
  const logs = [Math.log(6), Math.log(5), 0, Math.log(3), Math.log(2)];
  expect(distance(lseIn(sums!), logs)).toBeLessThan(1e-6);
});

const lengths = [1, 4, 5, 7, 31, 32, 33, 63, 64, 65, 129];

test.each(lengths)(
  "attention of %i causal tokens with three query heads to a key head follows tfjs",
  async (tokens) => {
    await compare(
      { queries: tokens, keys: tokens, heads: 3, kvHeads: 1, headDim: 64 },
      causalRanges([tokens]),
    );
  },
);

test("a window as long as the row gives the bits of no window, and a shorter one does not", async () => {
  const sizes = { queries: 40, keys: 40, heads: 2, kvHeads: 1, headDim: 64 };
  const full = await run(sizes, causalRanges([40]));
  expect(await run(sizes, causalRanges([40], 40))).toEqual(full);
  const narrow = await run(sizes, causalRanges([40], 39));
  expect(narrow.o.subarray(0, 39 * 128)).toEqual(full.o.subarray(0, 39 * 128));
  expect(narrow.o.subarray(39 * 128)).not.toEqual(full.o.subarray(39 * 128));
});

test("a query that sees no key gives zeros and zero gradients", async () => {
  const sizes = { queries: 1, keys: 8, heads: 2, kvHeads: 1, headDim: 64 };
  const { o, lse, gradients } = await run(sizes, Uint32Array.of(0, 0));
  for (const values of [o, lse, ...gradients]) {
    expect(values.every((value) => value === 0)).toBe(true);
  }
});

test("scores above 1000 give finite outputs and gradients", async () => {
  const sizes = { queries: 50, keys: 50, heads: 1, kvHeads: 1, headDim: 64 };
  const ranges = causalRanges([50]);
  const { o, lse, gradients } = await run(sizes, ranges, { scale: 40 });
  for (const values of [o, lse, ...gradients]) {
    expect(values.every(Number.isFinite)).toBe(true);
  }
  expect(lse.some((value) => value > 1000)).toBe(true);
});

test("two runs of attention give the same bits", async () => {
  const sizes = { queries: 129, keys: 129, heads: 6, kvHeads: 2, headDim: 64 };
  const ranges = causalRanges([60, 69]);
  expect(await run(sizes, ranges)).toEqual(await run(sizes, ranges));
});

test.each([
  ["segments", [1, 7, 30, 26, 65], Infinity],
  ["a window of 1", [70], 1],
  ["a window of 17", [129], 17],
  ["segments and a window of 9", [40, 5, 40], 9],
])("attention within %s follows tfjs", async (_, segments, window) => {
  const tokens = segments.reduce((sum, length) => sum + length, 0);
  await compare(
    { queries: tokens, keys: tokens, heads: 3, kvHeads: 1, headDim: 48 },
    causalRanges(segments, window),
  );
});

test("a packed segment equals the same segment alone, and padding has zeros and no gradient", async () => {
  const sizes = { heads: 4, kvHeads: 2, headDim: 48 };
  const segments = [33, 20];
  const padding = 12;
  const tokens = 53 + padding;
  const packed = new Uint32Array(2 * tokens);
  packed.set(causalRanges(segments));
  const { o, lse, gradients } = await run({ ...sizes, queries: tokens, keys: tokens }, packed);
  const [dQ, dK, dV] = gradients;
  for (const [values, width] of [
    [o, 192],
    [lse, 4],
    [dQ!, 192],
    [dK!, 96],
    [dV!, 96],
  ] as const) {
    expect([...values.subarray(53 * width)]).toEqual(new Array(padding * width).fill(0));
  }
  const alone = { ...sizes, queries: 33, keys: 33 };
  const [value] = expectedOf(alone, causalRanges([33]));
  expect(distance(o.subarray(0, 33 * 192), value!)).toBeLessThan(3e-6);
});

test("keyRanges has exactly the query-key pairs of the query ranges", () => {
  for (const ranges of [causalRanges([3, 1, 9], 4), cacheRanges(5, 12, 3), new Uint32Array(12)]) {
    const keys = 13;
    const seen = keyRanges(ranges, keys);
    for (let i = 0; i < ranges.length / 2; i++) {
      for (let j = 0; j < keys; j++) {
        const sees = ranges[2 * i]! <= j && j < ranges[2 * i + 1]!;
        expect(seen[2 * j]! <= i && i < seen[2 * j + 1]!).toBe(sees);
      }
    }
  }
});

test.each([
  ["a first key that decreases", [1, 3, 0, 3]],
  ["an end that decreases", [0, 3, 0, 2]],
  ["a query that sees no key between two that do", [0, 1, 0, 0, 0, 1]],
  ["a key past the last one", [0, 4]],
])("keyRanges refuses %s", (_, ranges) => {
  expect(() => keyRanges(Uint32Array.from(ranges), 3)).toThrow(/sees keys/);
});
