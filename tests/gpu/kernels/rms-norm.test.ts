// Proofs of RMSNorm: by hand, against tfjs autodiff, across the workgroup's boundaries, without a device error.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import { rmsNorm as reference } from "../../../src/engine/tfjs/decoder.ts";
import { rmsNorm, rmsNormBackward } from "../../../src/kernels/rms-norm/kernel.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

test("by hand: [3, 4, 0, 0] has the root mean square 2.5", async () => {
  const tensors = new TestTensors();
  const y = tensors.output("y", 4);
  const rstd = tensors.output("rstd", 1);
  const forward = rmsNorm(
    { rows: 1, width: 4, epsilon: 0 },
    {
      x: tensors.given("x", Float32Array.of(3, 4, 0, 0)),
      weight: tensors.given("weight", Float32Array.of(1, 10, 1, 1)),
      y,
      rstd,
    },
  );
  const [values, scales] = await runOnGpu([forward], tensors, [y, rstd]);
  expect(distance(values!, [1.2, 16, 0, 0])).toBeLessThan(1e-5);
  expect(distance(scales!, [0.4])).toBeLessThan(1e-5);
});

test.each([
  [1, 4],
  [1, 60],
  [3, 64],
  [4, 68],
  [5, 124],
  [7, 132],
  [63, 256],
  [65, 260],
  [70, 576],
])("%i rows of %i: forward and backward follow tfjs", async (rows, width) => {
  const epsilon = 1e-5;
  const x = randoms(rows * width, 1);
  const weight = randoms(width, 2);
  const dy = randoms(rows * width, 3);
  const residual = randoms(rows * width, 4);
  const [value, gradient] = tf.tidy(() => {
    const run = (input: tf.Tensor) => reference(input as tf.Tensor2D, tf.tensor1d(weight), epsilon);
    const { value, grad } = tf.valueAndGrad(run)(
      tf.tensor2d(x, [rows, width]),
      tf.tensor2d(dy, [rows, width]),
    );
    return [value.dataSync(), tf.add(grad, tf.tensor2d(residual, [rows, width])).dataSync()];
  });

  const tensors = new TestTensors();
  const given = {
    x: tensors.given("x", x),
    weight: tensors.given("weight", weight),
    rstd: tensors.output("rstd", rows),
  };
  const y = tensors.output("y", rows * width);
  const dx = tensors.given("dx", residual);
  const [actual, actualGradient] = await runOnGpu(
    [
      rmsNorm({ rows, width, epsilon }, { ...given, y }),
      rmsNormBackward({ rows, width }, { ...given, dy: tensors.given("dy", dy), dx }),
    ],
    tensors,
    [y, dx],
  );
  expect(distance(actual!, value)).toBeLessThan(2e-6);
  expect(distance(actualGradient!, gradient)).toBeLessThan(5e-6);
});
