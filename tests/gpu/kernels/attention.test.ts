// Proofs of attention: by hand, by finite differences, against tfjs and its gradients, across the
// tiles' boundaries, for every way of seeing (causal, segments, window, cache), with a soft cap and
// without, bit for bit the same again, without a device error.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import {
  attention,
  attentionBackward,
  type AttentionShape,
} from "../../../src/kernels/attention/kernel.ts";
import {
  backwardKeyValueKernel,
  backwardQueryKernel,
  forwardFewKernel,
  forwardKernel,
} from "../../../src/kernels/attention/kernels.ts";
import { causalRanges, keyRanges } from "../../../src/kernels/attention/ranges.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

type Sizes = Omit<AttentionShape, "scale" | "softcap"> & { softcap?: number };
type Ranges = Uint32Array<ArrayBuffer>;

beforeAll(async () => {
  await tf.setBackend("cpu");
});

function inputsOf({ queries, keys, heads, kvHeads, headDim }: Sizes) {
  return {
    q: randoms(queries * heads * headDim, 1).map((value) => 3 * value),
    k: randoms(keys * kvHeads * headDim, 2).map((value) => 3 * value),
    v: randoms(keys * kvHeads * headDim, 3),
    dO: randoms(queries * heads * headDim, 4),
  };
}

/**
 * softmax(scores + mask) v with scores = q k^T / sqrt(d), under their cap; key heads are repeated
 * for their query heads.
 */
function reference(
  query: tf.Tensor4D,
  key: tf.Tensor4D,
  value: tf.Tensor4D,
  mask: tf.Tensor4D,
  softcap: number | undefined,
): tf.Tensor {
  const [, heads, , headDim] = query.shape;
  const kvHeads = key.shape[1];
  const keyHeads = Int32Array.from({ length: heads }, (_, h) => Math.floor((h * kvHeads) / heads));
  const repeated = (x: tf.Tensor4D) => tf.gather(x, tf.tensor1d(keyHeads, "int32"), 1);
  const scores = tf.div(tf.matMul(query, repeated(key), false, true), Math.sqrt(headDim));
  const capped = softcap === undefined ? scores : tf.mul(tf.tanh(tf.div(scores, softcap)), softcap);
  return tf.matMul(tf.softmax(tf.add(capped, mask)), repeated(value));
}

/** o, dQ, dK, dV by tfjs. */
function expectedOf(sizes: Sizes, ranges: Ranges): Float32Array[] {
  const { queries, keys, heads, kvHeads, headDim } = sizes;
  const { q, k, v, dO } = inputsOf(sizes);
  const mask = new Float32Array(queries * keys).fill(-1e9);
  for (let i = 0; i < queries; i++) {
    mask.fill(0, i * keys + ranges[2 * i]!, i * keys + ranges[2 * i + 1]!);
  }
  return tf.tidy(() => {
    const split = (x: tf.Tensor, rows: number, count: number) =>
      tf.transpose<tf.Tensor4D>(tf.reshape(x, [1, rows, count, headDim]), [0, 2, 1, 3]);
    const run = (query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) => {
      const attended = reference(
        split(query, queries, heads),
        split(key, keys, kvHeads),
        split(value, keys, kvHeads),
        tf.tensor4d(mask, [1, 1, queries, keys]),
        sizes.softcap,
      );
      return tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [queries, heads * headDim]);
    };
    const given = [
      tf.tensor2d(q, [queries, heads * headDim]),
      tf.tensor2d(k, [keys, kvHeads * headDim]),
      tf.tensor2d(v, [keys, kvHeads * headDim]),
    ] as const;
    const { value, grads } = tf.valueAndGrads(run)(
      [...given],
      tf.tensor2d(dO, [queries, heads * headDim]),
    );
    return [value, ...grads].map((tensor) => tensor.dataSync<"float32">());
  });
}

/** In doubles. */
function lseOf(sizes: Sizes, ranges: Ranges): Float32Array {
  const { queries, heads, kvHeads, headDim, softcap = Infinity } = sizes;
  const { q, k } = inputsOf(sizes);
  return Float32Array.from({ length: queries * heads }, (_, place) => {
    const [row, head] = [Math.floor(place / heads), place % heads];
    let sum = 0;
    for (let key = ranges[2 * row]!; key < ranges[2 * row + 1]!; key++) {
      const at = (key * kvHeads + Math.floor(head / (heads / kvHeads))) * headDim;
      let score = 0;
      for (let i = 0; i < headDim; i++) {
        score += q[place * headDim + i]! * k[at + i]!;
      }
      score /= Math.sqrt(headDim);
      sum += Math.exp(softcap === Infinity ? score : softcap * Math.tanh(score / softcap));
    }
    return sum === 0 ? 0 : Math.log(sum);
  });
}

interface Actual {
  o: Float32Array;
  lse: Float32Array;
  /** dQ, dK, dV; none when only forward ran. */
  gradients: Float32Array[];
}

async function run(
  sizes: Sizes,
  ranges: Ranges,
  { scale, forwardOnly = false }: { scale?: number; forwardOnly?: boolean } = {},
): Promise<Actual> {
  const { queries, keys, heads, kvHeads, headDim, softcap = null } = sizes;
  const shape = { ...sizes, softcap, scale: scale ?? 1 / Math.sqrt(headDim) };
  const { q, k, v, dO } = inputsOf(sizes);
  const tensors = new TestTensors();
  const all = {
    q: tensors.given("q", q),
    k: tensors.given("k", k),
    v: tensors.given("v", v),
    ranges: tensors.given("ranges", ranges),
    o: tensors.output("o", q.length),
    lse: tensors.output("lse", queries * heads),
  };
  const forward = attention(shape, all);
  if (forwardOnly) {
    const [o, lse] = await runOnGpu([forward], tensors, [all.o, all.lse]);
    return { o: o!, lse: lse!, gradients: [] };
  }
  const more = {
    dO: tensors.given("dO", dO),
    keyRanges: tensors.given("keyRanges", keyRanges(ranges, keys)),
    rowStats: tensors.output("rowStats", 2 * queries * heads),
    dQ: tensors.output("dQ", q.length),
    dK: tensors.output("dK", k.length),
    dV: tensors.output("dV", keys * kvHeads * headDim),
  };
  const [o, lse, ...gradients] = await runOnGpu(
    [forward, ...attentionBackward(shape, { ...all, ...more })],
    tensors,
    [all.o, all.lse, more.dQ, more.dK, more.dV],
  );
  return { o: o!, lse: lse!, gradients };
}

async function compare(sizes: Sizes, ranges: Ranges, forwardOnly = false): Promise<void> {
  const [value, ...grads] = expectedOf(sizes, ranges);
  const { o, lse, gradients } = await run(sizes, ranges, { forwardOnly });
  expect(distance(o, value!)).toBeLessThan(3e-6);
  expect(distance(lse, lseOf(sizes, ranges))).toBeLessThan(2e-6);
  gradients.forEach((gradient, index) => {
    expect(distance(gradient, grads[index]!)).toBeLessThan(5e-6);
  });
}

/** Queries at the end of what a cache holds so far; rows after that are not to be read. */
function cacheRanges(queries: number, held: number, window = Infinity): Ranges {
  return Uint32Array.from(
    Array.from({ length: queries }, (_, row) => held - queries + row + 1).flatMap((end) => [
      Math.max(0, end - window),
      end,
    ]),
  );
}

// Tests of equal head size stand together: a pipeline that is still held is not compiled again.

test("by hand: keys of weight 1 : 2 : 3, a query that sees two of them, one that sees none", async () => {
  const headDim = 64;
  const padded = (...values: number[]) =>
    values.flatMap((value) => [value, ...new Array<number>(headDim - 1).fill(0)]);
  const queries = 5; // one more than the kernel for few queries takes
  const tensors = new TestTensors();
  const o = tensors.output("o", queries * headDim);
  const lse = tensors.output("lse", queries);
  const forward = attention(
    { queries, keys: 3, heads: 1, kvHeads: 1, headDim, scale: 0.5, softcap: null },
    {
      q: tensors.given("q", Float32Array.from(padded(2, 2, 2, 0, 2))),
      k: tensors.given("k", Float32Array.from(padded(0, Math.log(2), Math.log(3)))),
      v: tensors.given("v", Float32Array.from(padded(6, 12, 18))),
      ranges: tensors.given("ranges", Uint32Array.of(0, 3, 1, 3, 2, 2, 0, 3, 1, 2)),
      o,
      lse,
    },
  );
  const [values, sums] = await runOnGpu([forward], tensors, [o, lse]);
  // (6 + 24 + 54) / 6, (24 + 54) / 5, nothing, the mean, the one key
  expect(distance(values!, padded(14, 15.6, 0, 12, 12))).toBeLessThan(1e-6);
  const logs = [Math.log(6), Math.log(5), 0, Math.log(3), Math.log(2)];
  expect(distance(sums!, logs)).toBeLessThan(1e-6);
});

const lengths = [1, 4, 5, 7, 31, 32, 33, 63, 64, 65, 129];

test.each(lengths)(
  "%i causal tokens, three query heads to a key head, heads of 64",
  async (tokens) => {
    await compare(
      { queries: tokens, keys: tokens, heads: 3, kvHeads: 1, headDim: 64 },
      causalRanges([tokens]),
    );
  },
);

test("a window past everything is the same, bit by bit, as none; a smaller one is not", async () => {
  const sizes = { queries: 40, keys: 40, heads: 2, kvHeads: 1, headDim: 64 };
  const full = await run(sizes, causalRanges([40]));
  expect(await run(sizes, causalRanges([40], 40))).toEqual(full);
  const narrow = await run(sizes, causalRanges([40], 39));
  expect(narrow.o.subarray(0, 39 * 128)).toEqual(full.o.subarray(0, 39 * 128));
  expect(narrow.o.subarray(39 * 128)).not.toEqual(full.o.subarray(39 * 128));
});

test("one query that sees nothing gives zeros", async () => {
  const sizes = { queries: 1, keys: 8, heads: 2, kvHeads: 1, headDim: 64 };
  const { o, lse, gradients } = await run(sizes, Uint32Array.of(0, 0));
  for (const values of [o, lse, ...gradients]) {
    expect(values.every((value) => value === 0)).toBe(true);
  }
});

test("large scores neither overflow nor vanish", async () => {
  const sizes = { queries: 50, keys: 50, heads: 1, kvHeads: 1, headDim: 64 };
  const ranges = causalRanges([50]);
  const { o, lse, gradients } = await run(sizes, ranges, { scale: 40 });
  for (const values of [o, lse, ...gradients]) {
    expect(values.every(Number.isFinite)).toBe(true);
  }
  expect(lse.some((value) => value > 1000)).toBe(true);
});

test("two runs give the same bits", async () => {
  const sizes = { queries: 129, keys: 129, heads: 6, kvHeads: 2, headDim: 64 };
  const ranges = causalRanges([60, 69]);
  expect(await run(sizes, ranges)).toEqual(await run(sizes, ranges));
});

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
  "heads of %i, %i of queries and %i of keys, %i tokens",
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
  "the smallest and the largest heads: %i, %i of queries and %i of keys, %i tokens",
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
  "heads of %i, %i of queries and %i of keys, %i tokens, scores under a cap of %i, window %d",
  async (headDim, heads, kvHeads, tokens, softcap, window) => {
    const sizes = { queries: tokens, keys: tokens, heads, kvHeads, headDim, softcap };
    await compare(sizes, causalRanges([tokens], window));
  },
);

test("the largest heads' kernels fit the limits that every device has", async () => {
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

test.each([
  [1, 129, 130, Infinity],
  [3, 1100, 1100, 1050],
])(
  "few queries under a cap: %i at the end of %i keys in a cache of %i, window %d",
  async (queries, held, keys, window) => {
    const sizes = { queries, keys, heads: 4, kvHeads: 1, headDim: 256, softcap: 4 };
    await compare(sizes, cacheRanges(queries, held, window), true);
  },
);

test.each([undefined, 2])("gradients are those of finite differences, cap %o", async (softcap) => {
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
      weighedSum(sizes, ranges, [q, k, v].with(which, values.with(index, values[index]! + by)), dO);
    const expected = Array.from(
      values,
      (_, index) => (at(step, index) - at(-step, index)) / (2 * step),
    );
    expect(distance(gradients[which]!, expected)).toBeLessThan(2e-4);
  });
});

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

test.each([
  ["segments", [1, 7, 30, 26, 65], Infinity],
  ["a window of 1", [70], 1],
  ["a window of 17", [129], 17],
  ["segments and a window of 9", [40, 5, 40], 9],
])("%s", async (_, segments, window) => {
  const tokens = segments.reduce((sum, length) => sum + length, 0);
  await compare(
    { queries: tokens, keys: tokens, heads: 3, kvHeads: 1, headDim: 48 },
    causalRanges(segments, window),
  );
});

test("packed segments are the segments by themselves; padding is zero and gets nothing", async () => {
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

test.each([
  [5, 130, 200, 20],
  [33, 100, 160, Infinity],
])(
  "%i queries at the end of %i keys in a cache of %i, window %d",
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
  "few queries: %i at the end of %i keys in a cache of %i, window %d",
  async (queries, held, keys, window) => {
    const sizes = { queries, keys, heads: 6, kvHeads: 2, headDim: 48 };
    await compare(sizes, cacheRanges(queries, held, window), true);
  },
);

test.each([64, 80, 128])("one query of heads of %i against a cache", async (headDim) => {
  await compare({ queries: 1, keys: 90, heads: 7, kvHeads: 1, headDim }, cacheRanges(1, 77), true);
});

test("cache rows that nobody sees are never read into a result", async () => {
  for (const queries of [1, 6]) {
    const sizes = { queries, keys: 40, heads: 1, kvHeads: 1, headDim: 64 };
    const { q, k, v } = inputsOf(sizes);
    k.fill(NaN, 20 * 64);
    v.fill(NaN, 20 * 64);
    const tensors = new TestTensors();
    const o = tensors.output("o", queries * 64);
    const lse = tensors.output("lse", queries);
    const dispatches = [
      attention(
        { ...sizes, scale: 0.125, softcap: null },
        {
          q: tensors.given("q", q),
          k: tensors.given("k", k),
          v: tensors.given("v", v),
          ranges: tensors.given("ranges", cacheRanges(queries, 20)),
          o,
          lse,
        },
      ),
    ];
    const [values, sums] = await runOnGpu(dispatches, tensors, [o, lse]);
    const [expected] = expectedOf({ ...sizes, keys: 20 }, cacheRanges(queries, 20));
    expect(distance(values!, expected!)).toBeLessThan(3e-6);
    expect(distance(sums!, lseOf({ ...sizes, keys: 20 }, cacheRanges(queries, 20)))).toBeLessThan(
      2e-6,
    );
  }
});

test("key ranges hold exactly the pairs of the query ranges", () => {
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
  ["a first key that falls", [1, 3, 0, 3]],
  ["an end that falls", [0, 3, 0, 2]],
  ["a query between that sees nothing", [0, 1, 0, 0, 0, 1]],
  ["a key that is not there", [0, 4]],
])("key ranges refuse %s", (_, ranges) => {
  expect(() => keyRanges(Uint32Array.from(ranges), 3)).toThrow(/sees keys/);
});
