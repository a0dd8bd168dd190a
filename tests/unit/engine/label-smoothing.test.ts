// Label smoothing as PyTorch and transformers define it: by hand, by its formula in double
// precision, and its gradient.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import { labelSmoothing } from "../../../src/engine/label-smoothing.ts";
import { uniforms } from "../../../src/util/random.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

test("the loss of probabilities 1/2, 1/4, 1/4 with label smoothing 0.3 equals the one worked out by hand", async () => {
  const logits = tf.tensor2d([Math.log(2), 0, 0, 9, -9, 0], [2, 3]);
  const loss = labelSmoothing(0.3)(logits, tf.tensor1d([1, 0], "int32"), tf.tensor1d([1, 0]));
  // 0.7 log 4 + 0.3 (log 2 + log 4 + log 4) / 3; the second row does not count.
  expect((await loss.data())[0]).toBeCloseTo(1.31698, 5);
});

const rows = 5;
const vocabulary = 11;
const scores = uniforms(1, 2, rows * vocabulary).map((draw) => 8 * draw - 4);
const targets = [3, 0, 10, 10, 7];

/** (1 - smoothing) * nll + smoothing * the mean of all -log p, and p less the softened answers. */
function expected(smoothing: number): { loss: number; gradient: number[] } {
  let loss = 0;
  const gradient: number[] = [];
  targets.forEach((target, row) => {
    const own = [...scores.subarray(row * vocabulary, (row + 1) * vocabulary)];
    const logTotal = Math.log(own.reduce((sum, score) => sum + Math.exp(score), 0));
    const losses = own.map((score) => logTotal - score);
    const mean = losses.reduce((a, b) => a + b, 0) / vocabulary;
    loss += (1 - smoothing) * (losses[target] ?? NaN) + smoothing * mean;
    losses.forEach((nll, token) => {
      const answer = smoothing / vocabulary + (token === target ? 1 - smoothing : 0);
      gradient.push(Math.exp(-nll) - answer);
    });
  });
  return { loss, gradient };
}

test.each([0, 0.1, 0.9])(
  "loss and gradient with label smoothing %d follow the formula",
  async (smoothing) => {
    const weights = tf.ones<tf.Rank.R1>([rows]);
    const lossOf = (logits: tf.Tensor) =>
      labelSmoothing(smoothing)(logits as tf.Tensor2D, tf.tensor1d(targets, "int32"), weights);
    const { value, grad } = tf.valueAndGrad(lossOf)(tf.tensor2d(scores, [rows, vocabulary]));
    const { loss, gradient } = expected(smoothing);
    expect((await value.data())[0]).toBeCloseTo(loss, 4);
    const gaps = [...(await grad.data())].map((actual, i) =>
      Math.abs(actual - (gradient[i] ?? NaN)),
    );
    expect(Math.max(...gaps)).toBeLessThan(2e-6);
  },
);
