// Proofs of the loss sum: by hand, against tfjs and sums in double, across the boundaries of block
// and workgroup, over passes.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, expect, test } from "vitest";
import { lossSum } from "../../../src/kernels/loss-sum/kernel.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

async function onGpu(values: Float32Array<ArrayBuffer>, rows: number, passes: number) {
  const tensors = new TestTensors();
  const losses = tensors.given("losses", values);
  const metrics = tensors.given("metrics", Float32Array.of(1000, 2, 3, 4));
  const run = lossSum(values.length, { losses, metrics });
  const step = { supervisedRows: rows, isFirstPass: passes === 0 ? 1 : 0 };
  const [result] = await runOnGpu([run], tensors, [metrics], step);
  return [...result!];
}

test("the loss sum starts at zero, a later pass adds to it, and rows past the end do not count", async () => {
  const losses = Float32Array.of(1, 2, 3.5, NaN);
  expect(await onGpu(losses, 3, 0)).toEqual([6.5, 2, 3, 4]);
  expect(await onGpu(losses, 3, 1)).toEqual([1006.5, 2, 3, 4]);
  expect(await onGpu(losses, 0, 0)).toEqual([0, 2, 3, 4]);
});

test.each([1, 15, 16, 17, 255, 256, 257, 4095, 4096, 4097, 10_001])(
  "the loss sum of %i rows follows tfjs",
  async (rows) => {
    const losses = randoms(rows + 3, 1).map((value) => 5 + 5 * value);
    const expected = tf.tidy(() => tf.sum(tf.tensor1d(losses.subarray(0, rows))).dataSync());
    const [sum] = await onGpu(losses, rows, 0);
    expect(distance([sum!], expected)).toBeLessThan(2e-6);
  },
);

test.each([
  ["losses of all sizes", randoms(100_000, 2).map((value) => 10 * Math.abs(value) ** 4)],
  // Every thread rounds alike here, so nothing averages out.
  ["equal losses", new Float32Array(100_000).fill(10.1)],
])("the loss sum of 100,000 rows of %s is within 5e-7 of the sum in doubles", async (_, losses) => {
  const expected = losses.reduce((sum, value) => sum + value, 0);
  const [sum] = await onGpu(losses, losses.length, 0);
  expect(Math.abs(sum! / expected - 1)).toBeLessThan(5e-7);
});
