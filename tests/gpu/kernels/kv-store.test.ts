// Proofs of the key/value cache's writer: by hand, against tfjs's scatter, across boundaries,
// without a device error.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, expect, test } from "vitest";
import { kvStore } from "../../../src/kernels/kv-store/kernel.ts";
import { randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

test("kvStore writes rows at positions 2 and 0 and drops a position past the cache", async () => {
  const tensors = new TestTensors();
  const cacheK = tensors.given("cacheK", new Float32Array(12).fill(-1));
  const cacheV = tensors.given("cacheV", new Float32Array(12).fill(-2));
  const store = kvStore(
    { rows: 3, width: 4, capacity: 3 },
    {
      k: tensors.given("k", Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9)),
      v: tensors.given("v", Float32Array.of(10, 20, 30, 40, 50, 60, 70, 80, 90, 90, 90, 90)),
      positions: tensors.given("positions", Uint32Array.of(2, 0, 3)),
      cacheK,
      cacheV,
    },
  );
  const [keys, values] = await runOnGpu([store], tensors, [cacheK, cacheV]);
  expect([...keys!]).toEqual([5, 6, 7, 8, -1, -1, -1, -1, 1, 2, 3, 4]);
  expect([...values!]).toEqual([50, 60, 70, 80, -2, -2, -2, -2, 10, 20, 30, 40]);
});

test.each([
  [1, 64, 1],
  [1, 192, 100],
  [16, 16, 64],
  [63, 4, 64],
  [64, 4, 64],
  [65, 4, 65],
  [7, 240, 33],
  [129, 128, 200],
])(
  "kvStore of %i rows of %i into a cache of %i follows a scatter of tfjs",
  async (rows, width, capacity) => {
    const k = randoms(rows * width, 1);
    const v = randoms(rows * width, 2);
    const positions = Uint32Array.from({ length: rows }, (_, row) => capacity - 1 - row);
    const scattered = (values: Float32Array) =>
      tf.tidy(() =>
        tf
          .scatterND(
            tf.tensor2d(Int32Array.from(positions), [rows, 1], "int32"),
            tf.tensor2d(values, [rows, width]),
            [capacity, width],
          )
          .dataSync(),
      );

    const tensors = new TestTensors();
    const cacheK = tensors.given("cacheK", new Float32Array(capacity * width));
    const cacheV = tensors.given("cacheV", new Float32Array(capacity * width));
    const store = kvStore(
      { rows, width, capacity },
      {
        k: tensors.given("k", k),
        v: tensors.given("v", v),
        positions: tensors.given("positions", positions),
        cacheK,
        cacheV,
      },
    );
    const [keys, values] = await runOnGpu([store], tensors, [cacheK, cacheV]);
    expect(keys).toEqual(scattered(k));
    expect(values).toEqual(scattered(v));
  },
);
