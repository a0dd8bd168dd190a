// Proofs of cross-entropy: by hand, against tfjs, across the workgroup's boundaries, with pad
// columns and rows past the end, of logits as they are and under a soft cap, of rows that count the
// same and of rows with weights.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import {
  crossEntropy,
  crossEntropyLoss,
  logitStride,
} from "../../../src/kernels/cross-entropy/kernel.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

test("cross-entropy of probabilities 1/2, 1/4, 1/4 equals the loss and gradient worked out by hand", async () => {
  const tensors = new TestTensors();
  const logits = tensors.given("logits", Float32Array.of(Math.log(2), 0, 0, NaN));
  const losses = tensors.output("losses", 1);
  const targets = tensors.given("targets", Uint32Array.of(1));
  const shape = { firstRow: 0, rows: 1, vocabulary: 3, softcap: null };
  const run = crossEntropy(shape, { targets, logits, losses });
  const [loss, gradient] = await runOnGpu([run], tensors, [losses, logits], {
    supervisedRows: 1,
    gradScale: 2,
  });
  expect(distance(loss!, [Math.log(4)])).toBeLessThan(1e-6);
  expect(distance(gradient!, [1, -1.5, 0.5, 0])).toBeLessThan(1e-6);
});

test("weighted cross-entropy of probabilities 1/2, 1/4, 1/4 equals the loss and gradient worked out by hand", async () => {
  const tensors = new TestTensors();
  const row = [Math.log(2), 0, 0, NaN];
  const logits = tensors.given("logits", Float32Array.of(...row, ...row, ...row));
  const losses = tensors.output("losses", 3);
  const targets = tensors.given("targets", Uint32Array.of(1, 0, 2));
  const targetWeights = tensors.given("weights", Float32Array.of(0.5, -3, 0));
  const shape = { firstRow: 0, rows: 3, vocabulary: 3, softcap: null };
  const run = crossEntropy(shape, { targets, targetWeights, logits, losses });
  const [loss, gradient] = await runOnGpu([run], tensors, [losses, logits], {
    supervisedRows: 3,
    gradScale: 2,
  });
  expect(distance(loss!, [Math.log(4) / 2, -3 * Math.log(2), 0])).toBeLessThan(1e-6);
  const expected = [0.5, -0.75, 0.25, 0, 3, -1.5, -1.5, 0, 0, 0, 0, 0];
  expect(distance(gradient!, expected)).toBeLessThan(1e-6);
});

interface Case {
  vocabulary: number;
  rows: number;
  /** Rows with a target, from the first of the chunk on. */
  supervised: number;
  /** Rows of earlier chunks. */
  firstRow: number;
  spread: number;
  softcap?: number;
  isWeighted?: boolean;
}

function drawn({ vocabulary, rows, supervised, firstRow, spread, isWeighted = false }: Case) {
  const targets = Uint32Array.from(
    randoms(firstRow + supervised, 5).map((value) => Math.floor(((value + 1) / 2) * vocabulary)),
  );
  targets[targets.length - 1] = vocabulary - 1;
  const weights = randoms(firstRow + supervised, 7).map((value) => (isWeighted ? 2 * value : 1));
  const values = randoms(rows * vocabulary, 6).map((value) => value * spread);
  const stride = logitStride(vocabulary);
  // Nothing may come of what lies in the pad columns.
  const logits = new Float32Array(rows * stride).fill(NaN);
  for (let row = 0; row < rows; row++) {
    logits.set(values.subarray(row * vocabulary, (row + 1) * vocabulary), row * stride);
  }
  return { targets, weights, values, logits, stride };
}

/** Losses [supervised] and the gradient [rows, stride], zero where there is nothing to learn. */
function reference(
  { vocabulary, rows, supervised, firstRow, softcap }: Case,
  { targets, weights, values, stride }: ReturnType<typeof drawn>,
  gradScale: number,
) {
  return tf.tidy(() => {
    const own = {
      targets: tf.tensor1d(Int32Array.from(targets.subarray(firstRow)), "int32"),
      weights: tf.tensor1d(weights.subarray(firstRow)),
    };
    const onehot = tf.oneHot(own.targets, vocabulary);
    const logits = tf.tensor2d(values.subarray(0, supervised * vocabulary), [
      supervised,
      vocabulary,
    ]);
    const capped = (input: tf.Tensor) =>
      softcap === undefined ? input : tf.mul(tf.tanh(tf.div(input, softcap)), softcap);
    const lossOf = (input: tf.Tensor) =>
      tf.losses.softmaxCrossEntropy(onehot, capped(input), own.weights, 0, tf.Reduction.NONE);
    const { value, grad } = tf.valueAndGrad((input: tf.Tensor) => lossOf(input) as tf.Scalar)(
      logits,
      tf.fill([supervised], gradScale),
    );
    const padding: [number, number][] = [
      [0, rows - supervised],
      [0, stride - vocabulary],
    ];
    return [value.dataSync(), tf.pad(grad, padding).dataSync()] as const;
  });
}

const cases: Case[] = [
  { vocabulary: 2, rows: 1, supervised: 1, firstRow: 0, spread: 1 },
  { vocabulary: 5, rows: 3, supervised: 2, firstRow: 0, spread: 3 },
  { vocabulary: 255, rows: 2, supervised: 2, firstRow: 64, spread: 10 },
  { vocabulary: 1023, rows: 4, supervised: 1, firstRow: 4, spread: 10 },
  { vocabulary: 1024, rows: 5, supervised: 4, firstRow: 10, spread: 10 },
  { vocabulary: 1025, rows: 3, supervised: 3, firstRow: 0, spread: 60 },
  { vocabulary: 49152, rows: 3, supervised: 2, firstRow: 0, spread: 10 },
  { vocabulary: 151_937, rows: 1, supervised: 1, firstRow: 1, spread: 10 },
  { vocabulary: 5, rows: 3, supervised: 2, firstRow: 0, spread: 3, softcap: 2 },
  { vocabulary: 255, rows: 2, supervised: 2, firstRow: 64, spread: 10, softcap: 5 },
  { vocabulary: 1025, rows: 3, supervised: 2, firstRow: 0, spread: 60, softcap: 30 },
  { vocabulary: 262_146, rows: 1, supervised: 1, firstRow: 1, spread: 40, softcap: 30 },
];

const plainCases = cases.map((given) => ({ ...given, isWeighted: false }));
const weightedCases = cases.map((given) => ({ ...given, isWeighted: true }));

test.each([...plainCases, ...weightedCases])(
  "cross-entropy of %o follows tfjs in losses and gradient",
  async (given) => {
    const { vocabulary, rows, supervised, firstRow, softcap = null, isWeighted } = given;
    const inputs = drawn(given);
    const gradScale = 1 / 37;
    const [expectedLosses, expectedGradient] = reference(given, inputs, gradScale);

    const tensors = new TestTensors();
    const targets = tensors.given("targets", inputs.targets);
    const logits = tensors.given("logits", inputs.logits);
    const losses = tensors.output("losses", firstRow + supervised);
    const evaluated = tensors.output("evaluated", firstRow + supervised);
    const weighted = isWeighted && { targetWeights: tensors.given("weights", inputs.weights) };
    const shape = { firstRow, rows, vocabulary, softcap };
    const [actualEvaluated, actualLosses, gradient] = await runOnGpu(
      [
        crossEntropyLoss(shape, { targets, logits, losses: evaluated }),
        crossEntropy(shape, { targets, ...weighted, logits, losses }),
      ],
      tensors,
      [evaluated, losses, logits],
      { supervisedRows: firstRow + supervised, gradScale },
    );
    const own = actualLosses!.subarray(firstRow);
    const atMost = Math.max(1, ...expectedLosses);
    expect(distance([...own, atMost], [...expectedLosses, atMost])).toBeLessThan(2e-6);
    expect(actualLosses!.subarray(0, firstRow).every(Number.isNaN)).toBe(true);
    const unweighted = actualEvaluated!.subarray(firstRow);
    const weights = inputs.weights.subarray(firstRow);
    expect(unweighted.map((loss, row) => loss * weights[row]!)).toEqual(own);
    // Sums of up to 150,000 exponentials in another order than tfjs's: a few parts in a million of
    // every probability.
    expect(distance(gradient!, expectedGradient)).toBeLessThan(5e-6);
  },
);

test("cross-entropy in evaluation keeps the logits, and a nearly certain target has a loss near zero", async () => {
  const tensors = new TestTensors();
  const values = Float32Array.of(1000, 988, 0, -1e9);
  const logits = tensors.given("logits", values);
  const losses = tensors.output("losses", 1);
  const targets = tensors.given("targets", Uint32Array.of(0));
  const shape = { firstRow: 0, rows: 1, vocabulary: 4, softcap: null };
  const run = crossEntropyLoss(shape, { targets, logits, losses });
  const [loss, after] = await runOnGpu([run], tensors, [losses, logits], { supervisedRows: 1 });
  expect(after).toEqual(values);
  // log(1 + exp(-12)): f32 near 1 holds two digits of it, and WGSL lets log be 2^-21 off there.
  expect(Math.abs(loss![0]! - 6.144e-6)).toBeLessThan(5e-7);
});

test.each([2, 30])(
  "the gradient of cross-entropy under a soft cap of %i equals finite differences",
  async (softcap) => {
    const values = Float32Array.of(1, -2, 40, 0.5, -35, 6, 3, 0.25);
    const lossOf = (logits: Float32Array) => {
      const capped = Array.from(logits, (logit) => softcap * Math.tanh(logit / softcap));
      return Math.log(capped.reduce((sum, logit) => sum + Math.exp(logit), 0)) - capped[5]!;
    };
    const step = 2 ** -10;
    const expected = Array.from(values, (value, i) => {
      const moved = (by: number) => lossOf(values.with(i, value + by));
      return (moved(step) - moved(-step)) / (2 * step);
    });
    const tensors = new TestTensors();
    const logits = tensors.given("logits", values);
    const losses = tensors.output("losses", 1);
    const targets = tensors.given("targets", Uint32Array.of(5));
    const shape = { firstRow: 0, rows: 1, vocabulary: 8, softcap };
    const run = crossEntropy(shape, { targets, logits, losses });
    const [loss, gradient] = await runOnGpu([run], tensors, [losses, logits], {
      supervisedRows: 1,
    });
    expect(distance(loss!, [lossOf(values)])).toBeLessThan(1e-6);
    expect(distance(gradient!, expected)).toBeLessThan(1e-5);
  },
);

test.each([null, 30])("a NaN logit makes the loss non-finite, soft cap %o", async (softcap) => {
  const tensors = new TestTensors();
  const logits = tensors.given("logits", Float32Array.of(0, Infinity, NaN, 1));
  const losses = tensors.output("losses", 1);
  const targets = tensors.given("targets", Uint32Array.of(0));
  const shape = { firstRow: 0, rows: 1, vocabulary: 4, softcap };
  const run = crossEntropyLoss(shape, { targets, logits, losses });
  const [loss] = await runOnGpu([run], tensors, [losses], { supervisedRows: 1 });
  expect(Number.isFinite(loss![0])).toBe(false);
});
