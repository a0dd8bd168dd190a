// Proofs of the LoRA gradients: by hand, against tfjs autodiff through whole adapters, across the
// boundaries, twice.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, describe, expect, test } from "vitest";
import { viewOf, type Dispatch, type Tensor } from "../../../../src/gpu/plan.ts";
import { adapterGradients } from "../../../../src/kernels/adapter-gradient/kernel.ts";
import { mostMembersWith, type WideInput } from "../../../../src/kernels/adapter-gradient/wide.ts";
import { gatedMlp } from "../../../../src/kernels/gated-mlp/kernel.ts";
import { rmsNorm } from "../../../../src/kernels/rms-norm/kernel.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

test("adapter gradients of two tokens in directions 0 and 3 equal those worked out by hand", async () => {
  const tensors = new TestTensors();
  const narrow = () => ({
    tensor: tensors.given("narrow", Float32Array.of(1, 0, 0, 2, 3, 0, 0, 4)),
    width: 4,
    first: 0,
  });
  const wide = () => tensors.given("wide", Float32Array.of(1, 2, 3, 4, 10, 20, 30, 40));
  const gradient = tensors.given("gradient", new Float32Array(128).fill(1));
  const member = {
    outFeatures: 4,
    dy: wide(),
    h: narrow(),
    u: narrow(),
    gradientA: viewOf(gradient, 0, 16),
    gradientB: viewOf(gradient, 64, 16),
  };
  const shape = { tokens: 2, rank: 4, inFeatures: 4, scaling: 2 };
  const [values] = await runOnGpu(
    adapterGradients(shape, { kind: "plain", x: wide() }, [member]),
    tensors,
    [gradient],
  );
  const rows = [
    [63, 125, 187, 249],
    [1, 1, 1, 1],
    [1, 1, 1, 1],
    [85, 169, 253, 337],
  ];
  expect([...values!.subarray(0, 16)]).toEqual(rows.flat());
  const transposed = [0, 1, 2, 3].flatMap((column) => rows.map((row) => row[column]));
  expect([...values!.subarray(64, 80)]).toEqual(transposed);
  const gaps = [...values!.subarray(16, 64), ...values!.subarray(80)];
  expect(new Set(gaps)).toEqual(new Set([1]));
});

test.each([
  [1, 4, 4, [4]],
  [7, 8, 28, [32]],
  [8, 12, 128, [36, 4]],
  [9, 4, 36, [28, 128, 132]],
  [64, 16, 576, [192]],
  [65, 20, 64, [60, 124]],
  [129, 64, 60, [68]],
  [256, 8, 124, [128, 4, 8]],
  [257, 8, 132, [4, 36]],
  [600, 12, 36, [44, 4, 132]],
])(
  "dA and dB of %i tokens, rank %i, %i features to %o follow tfjs",
  async (tokens, rank, inFeatures, outs) => {
    const scaling = 0.75;
    const x = randoms(tokens * inFeatures, 1);
    const made = outs.map((outFeatures, member) => {
      const dy = randoms(tokens * outFeatures, 10 + member);
      return { outFeatures, dy, ...autodiff(tokens, rank, scaling, x, dy, 20 + 2 * member) };
    });
    const stride = rank * made.length;
    const interleave = (parts: Float32Array[]) => {
      const all = new Float32Array(tokens * stride);
      parts.forEach((part, member) => {
        for (let row = 0; row < tokens; row++) {
          const own = part.subarray(row * rank, (row + 1) * rank);
          all.set(own, row * stride + member * rank);
        }
      });
      return all;
    };
    const run = async (mostTokens?: number) => {
      const tensors = new TestTensors();
      const sizes = made.flatMap(({ outFeatures }) => [rank * inFeatures, rank * outFeatures]);
      const starts = [0];
      sizes.forEach((size, at) => starts.push(starts[at]! + Math.ceil(size / 64) * 64));
      const gradient = tensors.given("gradient", new Float32Array(starts.at(-1)!).fill(1));
      const h = tensors.given("h", interleave(made.map((one) => one.h)));
      const u = tensors.given("u", interleave(made.map((one) => one.u)));
      const members = made.map(({ outFeatures, dy }, member) => {
        const columns = { width: stride, first: member * rank };
        return {
          outFeatures,
          dy: tensors.given("dy", dy),
          h: { tensor: h, ...columns },
          u: { tensor: u, ...columns },
          gradientA: viewOf(gradient, starts[2 * member]!, sizes[2 * member]!),
          gradientB: viewOf(gradient, starts[2 * member + 1]!, sizes[2 * member + 1]!),
        };
      });
      const shape = { tokens, rank, inFeatures, scaling, ...(mostTokens && { mostTokens }) };
      const wide: WideInput = { kind: "plain", x: tensors.given("x", x) };
      const dispatches = adapterGradients(shape, wide, members);
      const [values] = await runOnGpu(dispatches, tensors, [gradient]);
      const matrices = sizes.map((size, at) => values!.subarray(starts[at], starts[at]! + size));
      const gaps = sizes.flatMap((size, at) => [
        ...values!.subarray(starts[at]! + size, starts[at + 1]),
      ]);
      return { matrices, gaps };
    };
    const { matrices, gaps } = await run();
    made.forEach(({ gradientA, gradientB }, member) => {
      expect(distance(matrices[2 * member]!, gradientA)).toBeLessThan(3e-6);
      expect(distance(matrices[2 * member + 1]!, gradientB)).toBeLessThan(3e-6);
    });
    expect(gaps.every((value) => value === 1)).toBe(true);
    expect(await run()).toEqual({ matrices, gaps });
    // In slices, as where the pass is a short one of a run with longer ones.
    expect(await run(tokens + 256)).toEqual({ matrices, gaps });
  },
);

/** The gradients of a linear's adapter from ones, and what the kernel is given for them. */
function autodiff(
  tokens: number,
  rank: number,
  scaling: number,
  x: Float32Array,
  dy: Float32Array,
  seed: number,
) {
  const [inFeatures, outFeatures] = [x.length / tokens, dy.length / tokens];
  return tf.tidy(() => {
    const input = tf.tensor2d(x, [tokens, inFeatures]);
    const a = tf.tensor2d(randoms(rank * inFeatures, seed), [rank, inFeatures]);
    const b = tf.tensor2d(randoms(outFeatures * rank, seed + 1), [outFeatures, rank]);
    const upstream = tf.tensor2d(dy, [tokens, outFeatures]);
    const inner = (matrix: tf.Tensor) => tf.matMul(input, matrix, false, true);
    const adapted = (ofA: tf.Tensor, ofB: tf.Tensor) =>
      tf.mul(tf.matMul(inner(ofA), ofB as tf.Tensor2D, false, true), scaling);
    const [gradA, gradB] = tf.grads(adapted)([a, b], upstream);
    return {
      gradientA: tf.add(gradA!, 1).dataSync(),
      gradientB: tf.add(gradB!, 1).dataSync(),
      h: Float32Array.from(inner(a).dataSync()),
      u: Float32Array.from(tf.matMul(upstream, b).dataSync()),
    };
  });
}

describe.each([
  [5, 4, 28, [32, 4]],
  [64, 8, 128, [132, 60]],
  [65, 12, 132, [36]],
  [300, 4, 36, [36, 28]],
])("of %i tokens, rank %i, %i features to %o", (tokens, rank, inFeatures, outs) => {
  /** The gradients from x as a tensor, recorded by `record`, and from its parts. */
  async function bothWays(
    record: (tensors: TestTensors) => { dispatch: Dispatch; x: Tensor; parts: WideInput },
  ) {
    const tensors = new TestTensors();
    const { dispatch, x, parts } = record(tensors);
    expect(outs.length).toBeLessThanOrEqual(mostMembersWith(parts));
    const stride = rank * outs.length;
    const h = tensors.given("h", randoms(tokens * stride, 3));
    const u = tensors.given("u", randoms(tokens * stride, 4));
    const dys = outs.map((out, at) => tensors.given("dy", randoms(tokens * out, 5 + at)));
    const size = (count: number) => Math.ceil(count / 64) * 64;
    const elements = outs.reduce((sum, out) => sum + size(rank * inFeatures) + size(rank * out), 0);
    const gradients = [0, 1].map(() => tensors.given("gradient", new Float32Array(elements)));
    const calls = gradients.flatMap((gradient, way) => {
      let start = 0;
      const place = (count: number) => {
        const view = viewOf(gradient, start, count);
        start += size(count);
        return view;
      };
      const members = outs.map((outFeatures, at) => {
        const columns = { width: stride, first: at * rank };
        return {
          outFeatures,
          dy: dys[at]!,
          h: { tensor: h, ...columns },
          u: { tensor: u, ...columns },
          gradientA: place(rank * inFeatures),
          gradientB: place(rank * outFeatures),
        };
      });
      const shape = { tokens, rank, inFeatures, scaling: 0.5 };
      return adapterGradients(shape, way === 0 ? { kind: "plain", x } : parts, members);
    });
    return await runOnGpu([dispatch, ...calls], tensors, gradients);
  }

  test.each([0, 1])(
    "adapter gradients from a norm's parts have the bits of those from its output, offset %i",
    async (offset) => {
      const [whole, made] = await bothWays((tensors) => {
        const x = tensors.given("x", randoms(tokens * inFeatures, 1));
        const weight = tensors.given("weight", randoms(inFeatures, 2));
        const y = tensors.output("y", tokens * inFeatures);
        const rstd = tensors.output("rstd", tokens);
        const shape = { rows: tokens, width: inFeatures, offset, epsilon: 1e-5 };
        return {
          dispatch: rmsNorm(shape, { x, weight, y, rstd }),
          x: y,
          parts: { kind: "normed", x, weight, rstd, offset },
        };
      });
      expect(whole!.some((value) => value !== 0)).toBe(true);
      expect(made).toEqual(whole);
    },
  );

  test.each(["silu", "gelu-tanh"] as const)(
    "adapter gradients from gate and up have the bits of those from %s(gate) * up",
    async (activation) => {
      const [whole, made] = await bothWays((tensors) => {
        const gate = tensors.given("gate", randoms(tokens * inFeatures, 1));
        const up = tensors.given("up", randoms(tokens * inFeatures, 2));
        const act = tensors.output("act", tokens * inFeatures);
        return {
          dispatch: gatedMlp(activation, { rows: tokens, width: inFeatures }, { gate, up, act }),
          x: act,
          parts: { kind: "gated", gate, up, activation },
        };
      });
      expect(whole!.some((value) => value !== 0)).toBe(true);
      expect(made).toEqual(whole);
    },
  );
});
