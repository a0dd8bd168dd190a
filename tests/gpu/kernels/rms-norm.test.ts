// Proofs of RMSNorm: by hand, by finite differences, against tfjs autodiff, across the workgroup's
// boundaries, without a device error; with the weight as it is and with one added to it.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import {
  rmsNorm,
  rmsNormBackward,
  rmsNormBackwardAdd,
} from "../../../src/kernels/rms-norm/kernel.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

/** (offset + w) * x / sqrt(mean(x^2) + epsilon) */
function reference(x: tf.Tensor, weight: Float32Array, offset: number, epsilon: number): tf.Tensor {
  const scale = tf.rsqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon));
  return tf.mul(tf.add(tf.tensor1d(weight), offset), tf.mul(x, scale));
}

test.each([
  [0, [1.2, 16, 0, 0]],
  [1, [2.4, 17.6, 0, 0]],
])(
  "RMSNorm of [3, 4, 0, 0] divides by the root mean square 2.5, with %i added to the weight",
  async (offset, expected) => {
    const tensors = new TestTensors();
    const y = tensors.output("y", 4);
    const rstd = tensors.output("rstd", 1);
    const forward = rmsNorm(
      { rows: 1, width: 4, offset, epsilon: 0 },
      {
        x: tensors.given("x", Float32Array.of(3, 4, 0, 0)),
        weight: tensors.given("weight", Float32Array.of(1, 10, 1, 1)),
        y,
        rstd,
      },
    );
    const [values, scales] = await runOnGpu([forward], tensors, [y, rstd]);
    expect(distance(values!, expected)).toBeLessThan(1e-5);
    expect(distance(scales!, [0.4])).toBeLessThan(1e-5);
  },
);

test("the gradient of RMSNorm equals finite differences", async () => {
  const [rows, width, offset, epsilon] = [2, 8, 1, 1e-3];
  const [x, weight, dy] = [randoms(16, 5), randoms(8, 6), randoms(16, 7)];
  const sumOf = (input: Float32Array) =>
    Array.from({ length: rows }, (_, row) => {
      const own = input.subarray(row * width, (row + 1) * width);
      const rms = Math.sqrt(own.reduce((sum, value) => sum + value ** 2, 0) / width + epsilon);
      return own.reduce(
        (sum, value, i) => sum + (dy[row * width + i]! * (offset + weight[i]!) * value) / rms,
        0,
      );
    }).reduce((sum, value) => sum + value, 0);
  const step = 2 ** -10;
  const expected = Array.from(x, (value, i) => {
    const moved = (by: number) => sumOf(x.with(i, value + by));
    return (moved(step) - moved(-step)) / (2 * step);
  });
  const tensors = new TestTensors();
  const given = {
    x: tensors.given("x", x),
    weight: tensors.given("weight", weight),
    rstd: tensors.output("rstd", rows),
  };
  const dx = tensors.output("dx", x.length);
  const shape = { rows, width, offset };
  const [actual] = await runOnGpu(
    [
      rmsNorm({ ...shape, epsilon }, { ...given, y: tensors.output("y", x.length) }),
      rmsNormBackward(shape, { ...given, dy: tensors.given("dy", dy), dx }),
    ],
    tensors,
    [dx],
  );
  expect(distance(actual!, expected)).toBeLessThan(1e-4);
});

test.each([
  [1, 4, 0],
  [1, 60, 1],
  [3, 64, 0],
  [4, 68, 1],
  [5, 124, 0],
  [7, 132, 1],
  [63, 256, 0],
  [65, 260, 1],
  [70, 576, 0],
  [130, 640, 1],
])(
  "RMSNorm of %i rows of %i, weight + %i, follows tfjs forward and in both backward kernels",
  async (rows, width, offset) => {
    const epsilon = 1e-5;
    const x = randoms(rows * width, 1);
    const weight = randoms(width, 2);
    const dy = randoms(rows * width, 3);
    const residual = randoms(rows * width, 4);
    const [value, gradient, added] = tf.tidy(() => {
      const run = (input: tf.Tensor) => reference(input, weight, offset, epsilon);
      const { value, grad } = tf.valueAndGrad(run)(
        tf.tensor2d(x, [rows, width]),
        tf.tensor2d(dy, [rows, width]),
      );
      const sum = tf.add(grad, tf.tensor2d(residual, [rows, width]));
      return [value.dataSync(), grad.dataSync(), sum.dataSync()];
    });

    const tensors = new TestTensors();
    const given = {
      x: tensors.given("x", x),
      weight: tensors.given("weight", weight),
      rstd: tensors.output("rstd", rows),
    };
    const y = tensors.output("y", rows * width);
    const fresh = tensors.output("fresh", rows * width);
    const sum = tensors.given("sum", residual);
    const back = { ...given, dy: tensors.given("dy", dy) };
    const shape = { rows, width, offset };
    const [actual, actualGradient, actualSum] = await runOnGpu(
      [
        rmsNorm({ ...shape, epsilon }, { ...given, y }),
        rmsNormBackward(shape, { ...back, dx: fresh }),
        rmsNormBackwardAdd(shape, { ...back, dx: sum }),
      ],
      tensors,
      [y, fresh, sum],
    );
    expect(distance(actual!, value)).toBeLessThan(2e-6);
    expect(distance(actualGradient!, gradient)).toBeLessThan(5e-6);
    expect(distance(actualSum!, added)).toBeLessThan(5e-6);
  },
);
