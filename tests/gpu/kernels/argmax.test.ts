// Proofs of argmax: by hand, against tf.argMax, across the boundaries of quad and workgroup, with
// ties and a tail that must not count.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, expect, test } from "vitest";
import { argmax } from "../../../src/kernels/argmax/kernel.ts";
import { randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

/** Of the first `count`; the quad that holds the last one is filled with numbers that would win. */
async function onGpu(values: Float32Array<ArrayBuffer>, count = values.length): Promise<number> {
  const padded = new Float32Array(Math.ceil(values.length / 4) * 4).fill(1e30);
  padded.set(values);
  const tensors = new TestTensors();
  const token = tensors.output("token", 1);
  const run = argmax(count, { logits: tensors.given("logits", padded), token });
  const [result] = await runOnGpu([run], tensors, [token]);
  return new Uint32Array(result!.buffer)[0]!;
}

test("argmax of a few logits is the index worked out by hand", async () => {
  expect(await onGpu(Float32Array.of(-5, -1, -3))).toBe(1);
  expect(await onGpu(Float32Array.of(2, 7, 7, 7))).toBe(1);
  expect(await onGpu(Float32Array.of(1, 2, 3, 4, 5), 3)).toBe(2);
  expect(await onGpu(new Float32Array(5000).fill(-Infinity))).toBe(0);
});

test.each([1, 3, 4, 5, 1023, 1024, 1025, 2053, 49_152, 151_937])(
  "argmax of %i logits is the index of the largest",
  async (count) => {
    const values = randoms(count, count);
    const expected = tf.tidy(() => tf.argMax(tf.tensor1d(values)).dataSync()[0]);
    expect(await onGpu(values)).toBe(expected);
  },
);

// The same thread, the same quad, another thread before and after, the last one.
test.each([
  [5, 7],
  [9, 1033],
  [1000, 1021],
  [1021, 1024],
  [2, 2999],
])("argmax of equal largest logits at %i and %i is the first", async (first, second) => {
  const values = randoms(3000, 1);
  values[first] = values[second] = 2;
  expect(await onGpu(values)).toBe(first);
});
