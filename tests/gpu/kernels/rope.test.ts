// Proofs of RoPE: by hand, against the reference engine's rotation and its gradient, across
// boundaries, there and back.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import { ropeFor } from "../../../src/engine/tfjs/decoder.ts";
import { rope, ropeBackward } from "../../../src/kernels/rope/kernel.ts";
import { ropeTable } from "../../../src/kernels/rope/table.ts";
import { inverseFrequencies } from "../../../src/model/config/rope-frequencies.ts";
import { madeUpConfig } from "../../support/made-up-model.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";
import type { ModelConfig } from "../../../src/model/config/model-config.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

function configOf(headDim: number, ropeTheta: number): ModelConfig {
  return madeUpConfig({ headDim, rope: { theta: ropeTheta, scaling: null } });
}

/** transformers' rotate_half on [rows, heads * d], with the reference engine's cos and sin. */
function rotate(
  x: tf.Tensor2D,
  positions: Uint32Array,
  [heads, headDim, theta]: [number, number, number],
): tf.Tensor2D {
  const rows = positions.length;
  const { cos, sin } = ropeFor(configOf(headDim, theta), Int32Array.from(positions), 1);
  const split = tf.transpose(tf.reshape(x, [1, rows, heads, headDim]), [0, 2, 1, 3]);
  const [first, second] = tf.split(split, 2, -1);
  const turned = tf.concat([tf.neg(second!), first!], -1);
  const rotated = tf.add(tf.mul(split, cos), tf.mul(turned, sin));
  return tf.reshape(tf.transpose(rotated, [0, 2, 1, 3]), [rows, heads * headDim]);
}

test("RoPE by a quarter of a circle maps the first half to the second, the second to minus the first", async () => {
  const tensors = new TestTensors();
  const query = tensors.given("query", Float32Array.of(1, 2, 3, 4, 1, 2, 3, 4));
  const key = tensors.given("key", Float32Array.of(5, 6, 7, 8, 5, 6, 7, 8));
  const turn = rope(
    { rows: 2, heads: 1, kvHeads: 1, headDim: 4, scale: 10 },
    {
      query,
      key,
      positions: tensors.given("positions", Uint32Array.of(0, 1)),
      cosSin: tensors.given("table", Float32Array.of(1, 0, 1, 0, 0, 1, 1, 0)),
    },
  );
  const [queries, keys] = await runOnGpu([turn], tensors, [query, key]);
  expect([...queries!]).toEqual([10, 20, 30, 40, -30, 20, 10, 40]);
  expect([...keys!]).toEqual([50, 60, 70, 80, -70, 60, 50, 80]);
});

test.each([
  [16, 10000],
  [80, 500000],
  [128, 1000000],
])(
  "the RoPE table for heads of size %i has the bits of the reference engine's cos and sin",
  (headDim, theta) => {
    const positions = [0, 1, 77, 4095];
    const table = ropeTable(inverseFrequencies(headDim, { theta: theta, scaling: null }), 4096);
    const { cos, sin } = ropeFor(configOf(headDim, theta), Int32Array.from(positions), 1);
    const [cosines, sines] = [cos.dataSync(), sin.dataSync()];
    positions.forEach((position, row) => {
      for (let i = 0; i < headDim / 2; i++) {
        const at = (position * headDim) / 2 + i;
        expect(table[2 * at]).toBe(cosines[row * headDim + i]);
        expect(table[2 * at + 1]).toBe(sines[row * headDim + i]);
      }
    });
  },
);

test("RoPE angles at position 100000 differ by no more than an f32's rounding", () => {
  const [frequency] = inverseFrequencies(8, { theta: 10000, scaling: null }).slice(1);
  const table = ropeTable(Float32Array.of(frequency!), 100001);
  const exact = 100000 * frequency!;
  expect(Math.abs(table[200000]! - Math.cos(exact))).toBeLessThan(2 ** -24 * exact);
});

test.each([
  [1, 1, 1, 16],
  [1, 9, 3, 64],
  [7, 2, 1, 48],
  [63, 1, 1, 4],
  [64, 1, 1, 4],
  [65, 1, 1, 4],
  [32, 1, 1, 4],
  [33, 2, 2, 4],
  [65, 3, 1, 80],
  [129, 2, 2, 128],
])(
  "RoPE of %i rows of %i query and %i key heads of size %i follows tfjs forward and backward",
  async (rows, heads, kvHeads, headDim) => {
    const theta = 10000;
    const positions = Uint32Array.from({ length: rows }, (_, row) => (row * 997) % 4096);
    const given = [heads, kvHeads].map((count, index) => {
      const shape: [number, number] = [rows, count * headDim];
      const x = randoms(rows * count * headDim, 2 * index + 1);
      const dy = randoms(rows * count * headDim, 2 * index + 2);
      const [expected, gradient] = tf.tidy(() => {
        const run = (input: tf.Tensor) =>
          tf.mul(rotate(input as tf.Tensor2D, positions, [count, headDim, theta]), 1.25);
        const { value, grad } = tf.valueAndGrad(run)(tf.tensor2d(x, shape), tf.tensor2d(dy, shape));
        return [value.dataSync(), grad.dataSync()];
      });
      return { x, dy, expected, gradient };
    });

    const tensors = new TestTensors();
    const tables = {
      positions: tensors.given("positions", positions),
      cosSin: tensors.given(
        "table",
        ropeTable(inverseFrequencies(headDim, { theta: theta, scaling: null }), 4096),
      ),
    };
    const [query, key] = given.map(({ x }) => tensors.given("x", x));
    const [dQuery, dKey] = given.map(({ dy }) => tensors.given("dy", dy));
    const shape = { rows, heads, kvHeads, headDim, scale: 1.25 };
    const actual = await runOnGpu(
      [
        rope(shape, { ...tables, query: query!, key: key! }),
        ropeBackward(shape, { ...tables, query: dQuery!, key: dKey! }),
      ],
      tensors,
      [query!, key!, dQuery!, dKey!],
    );
    given.forEach(({ expected, gradient }, index) => {
      expect(distance(actual[index]!, expected)).toBeLessThan(1e-6);
      expect(distance(actual[index + 2]!, gradient)).toBeLessThan(1e-6);
    });
  },
);

test("the backward of RoPE inverts its forward", async () => {
  const x = randoms(5 * 2 * 48, 3);
  const tensors = new TestTensors();
  const given = {
    query: tensors.given("query", x),
    key: tensors.given("key", x.slice(0, 5 * 48)),
    positions: tensors.given("positions", Uint32Array.of(4095, 3, 2, 1, 0)),
    cosSin: tensors.given(
      "table",
      ropeTable(inverseFrequencies(48, { theta: 10000, scaling: null }), 4096),
    ),
  };
  const shape = { rows: 5, heads: 2, kvHeads: 1, headDim: 48, scale: 1 };
  const [queries, keys] = await runOnGpu(
    [rope(shape, given), ropeBackward(shape, given)],
    tensors,
    [given.query, given.key],
  );
  expect(distance(queries!, x)).toBeLessThan(1e-6);
  expect(distance(keys!, x.slice(0, 5 * 48))).toBeLessThan(1e-6);
});
