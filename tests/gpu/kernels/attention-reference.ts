// Inputs of the attention tests, tfjs' results for them, and the comparison of the kernels with it.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect } from "vitest";
import {
  attention,
  attentionBackward,
  type AttentionShape,
} from "../../../src/kernels/attention/kernel.ts";
import { keyRanges } from "../../../src/kernels/attention/ranges.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

export type Sizes = Omit<AttentionShape, "scale" | "softcap"> & { softcap?: number };
export type Ranges = Uint32Array<ArrayBuffer>;

beforeAll(async () => {
  await tf.setBackend("cpu");
});

/** Seeded q, k, v and dO, each [rows, heads * headDim]. */
export function inputsOf({ queries, keys, heads, kvHeads, headDim }: Sizes) {
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
export function expectedOf(sizes: Sizes, ranges: Ranges): Float32Array[] {
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

/** The log-sum-exp of each query's scores, in doubles: f32 [queries * heads]. */
export function lseOf(sizes: Sizes, ranges: Ranges): Float32Array {
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

/** Runs the kernels on the inputs of `inputsOf`; @param scale 1 / sqrt(headDim) without it */
export async function run(
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
    rowStats: tensors.output("rowStats", 2 * queries * heads),
  };
  const forward = attention(shape, all);
  if (forwardOnly) {
    const [o, stats] = await runOnGpu([forward], tensors, [all.o, all.rowStats]);
    return { o: o!, lse: lseIn(stats!), gradients: [] };
  }
  const more = {
    dO: tensors.given("dO", dO),
    keyRanges: tensors.given("keyRanges", keyRanges(ranges, keys)),
    dQ: tensors.output("dQ", q.length),
    dK: tensors.output("dK", k.length),
    dV: tensors.output("dV", keys * kvHeads * headDim),
  };
  const [o, stats, ...gradients] = await runOnGpu(
    [forward, ...attentionBackward(shape, { ...all, ...more })],
    tensors,
    [all.o, all.rowStats, more.dQ, more.dK, more.dV],
  );
  return { o: o!, lse: lseIn(stats!), gradients };
}

/** The log-sum-exps in rows' statistics. */
export function lseIn(stats: Float32Array): Float32Array {
  return stats.filter((_, index) => index % 2 === 0);
}

/** Compares the kernels with tfjs: outputs to 3e-6, log-sum-exps to 2e-6, gradients to 5e-6. */
export async function compare(sizes: Sizes, ranges: Ranges, forwardOnly = false): Promise<void> {
  const [value, ...grads] = expectedOf(sizes, ranges);
  const { o, lse, gradients } = await run(sizes, ranges, { forwardOnly });
  expect(distance(o, value!)).toBeLessThan(3e-6);
  expect(distance(lse, lseOf(sizes, ranges))).toBeLessThan(2e-6);
  gradients.forEach((gradient, index) => {
    expect(distance(gradient, grads[index]!)).toBeLessThan(5e-6);
  });
}

/** Ranges of the last queries of a cache that holds `held` rows; later rows must not be read. */
export function cacheRanges(queries: number, held: number, window = Infinity): Ranges {
  return Uint32Array.from(
    Array.from({ length: queries }, (_, row) => held - queries + row + 1).flatMap((end) => [
      Math.max(0, end - window),
      end,
    ]),
  );
}
