// Proofs of the LoRA gradients: by hand, against tfjs autodiff through a whole adapter, across the
// boundaries, twice.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import { viewOf, type Tensor } from "../../../../src/gpu/plan.ts";
import { gradientOfA, gradientOfB } from "../../../../src/kernels/adapter-gradient/kernel.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

const whole = (tensor: Tensor) => viewOf(tensor, 0, tensor.sizeBytes / 4);

test("adapter gradients of two tokens in directions 0 and 3 equal those worked out by hand", async () => {
  const tensors = new TestTensors();
  const narrow = tensors.given("narrow", Float32Array.of(1, 0, 0, 2, 3, 0, 0, 4));
  const wide = tensors.given("wide", Float32Array.of(1, 2, 3, 4, 10, 20, 30, 40));
  const a = tensors.given("A", new Float32Array(16).fill(1));
  const b = tensors.given("B", new Float32Array(16).fill(1));
  const shape = { tokens: 2, rank: 4, width: 4, scaling: 2 };
  const [ofA = [], ofB = []] = await runOnGpu(
    [
      ...gradientOfA(shape, { u: narrow, x: wide, gradient: whole(a) }),
      ...gradientOfB(shape, { h: narrow, dy: wide, gradient: whole(b) }),
    ],
    tensors,
    [a, b],
  );
  const rows = [
    [63, 125, 187, 249],
    [1, 1, 1, 1],
    [1, 1, 1, 1],
    [85, 169, 253, 337],
  ];
  expect([...ofA]).toEqual(rows.flat());
  expect([...ofB]).toEqual([0, 1, 2, 3].flatMap((column) => rows.map((row) => row[column])));
});

test.each([
  [1, 4, 4, 4],
  [7, 8, 28, 32],
  [8, 12, 32, 36],
  [9, 4, 36, 28],
  [64, 16, 576, 192],
  [65, 20, 64, 60],
  [129, 64, 60, 68],
  [256, 8, 124, 128],
  [257, 8, 132, 4],
  [600, 12, 36, 44],
])(
  "dA and dB of %i tokens, rank %i, %i to %i features follow tfjs",
  async (tokens, rank, input, output) => {
    const scaling = 0.75;
    const x = randoms(tokens * input, 1);
    const loraA = randoms(rank * input, 2);
    const loraB = randoms(output * rank, 3);
    const dy = randoms(tokens * output, 4);
    const { expectedA, expectedB, h, u } = tf.tidy(() => {
      const adapted = (a: tf.Tensor, b: tf.Tensor) =>
        tf.mul(
          tf.matMul(tf.matMul(tf.tensor2d(x, [tokens, input]), a, false, true), b, false, true),
          scaling,
        );
      const a = tf.tensor2d(loraA, [rank, input]);
      const b = tf.tensor2d(loraB, [output, rank]);
      const upstream = tf.tensor2d(dy, [tokens, output]);
      const [gradA, gradB] = tf.grads(adapted)([a, b], upstream);
      return {
        expectedA: tf.add(gradA!, 1).dataSync(),
        expectedB: tf.add(gradB!, 1).dataSync(),
        h: Float32Array.from(tf.matMul(tf.tensor2d(x, [tokens, input]), a, false, true).dataSync()),
        u: Float32Array.from(tf.matMul(upstream, b).dataSync()),
      };
    });
    const run = async (mostTokens?: number) => {
      const tensors = new TestTensors();
      const a = tensors.given("A", new Float32Array(rank * input).fill(1));
      const b = tensors.given("B", new Float32Array(output * rank).fill(1));
      const shape = { tokens, rank, scaling, ...(mostTokens && { mostTokens }) };
      return await runOnGpu(
        [
          ...gradientOfA(
            { ...shape, width: input },
            { u: tensors.given("u", u), x: tensors.given("x", x), gradient: whole(a) },
          ),
          ...gradientOfB(
            { ...shape, width: output },
            { h: tensors.given("h", h), dy: tensors.given("dy", dy), gradient: whole(b) },
          ),
        ],
        tensors,
        [a, b],
      );
    };
    const first = await run();
    expect(distance(first[0]!, expectedA)).toBeLessThan(3e-6);
    expect(distance(first[1]!, expectedB)).toBeLessThan(3e-6);
    expect(await run()).toEqual(first);
    // In slices, as where the pass is a short one of a run with longer ones.
    expect(await run(tokens + 256)).toEqual(first);
  },
);
