// Proofs of the product that ends in a gate's gradients: by hand, against tfjs autodiff across the
// boundaries, and the bits of the product and the gate's backward as two dispatches, in every tile.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import { scratch, viewOf, type Dispatch, type Tensor } from "../../../../src/gpu/plan.ts";
import { gatedMlpBackward } from "../../../../src/kernels/gated-mlp/kernel.ts";
import { linearBackward, linearBackwardGated } from "../../../../src/kernels/matmul/kernel.ts";
import { defaultTile, tiles, type TileName } from "../../../../src/kernels/matmul/tile.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

test("a product through SiLU at gate 0 equals the gradients worked out by hand", async () => {
  const tensors = new TestTensors();
  // dAct = dy W = (5, 1, 1, 0); silu(0) = 0 and its slope is a half.
  const weight = tensors.given("weight", Float32Array.of(1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 1, 0));
  const gate = tensors.given("gate", new Float32Array(4));
  const up = tensors.given("up", Float32Array.of(10, 20, 30, 40));
  const through = linearBackwardGated(1, {
    x: tensors.given("dy", Float32Array.of(3, 1, 1, 0)),
    weight: { format: "f32", rows: 3, cols: 4, tensors: { weight } },
    gate,
    up,
    activation: "silu",
  });
  const [dGate, dUp] = await runOnGpu([through], tensors, [gate, up]);
  expect([...dGate!]).toEqual([25, 10, 15, 0]);
  expect([...dUp!]).toEqual([0, 0, 0, 0]);
});

interface Case {
  rows: number;
  width: number;
  out: number;
  rank: number;
  activation: "silu" | "gelu-tanh";
}

function inputsOf({ rows, width, out, rank }: Case) {
  return {
    dy: randoms(rows * out, 1),
    weight: randoms(out * width, 2),
    gate: randoms(rows * width, 3).map((value) => 4 * value),
    up: randoms(rows * width, 4),
    u: randoms(rows * rank, 5),
    a: randoms(rank * width, 6),
  };
}

/** Gate and up after the dispatches that `record` makes of them. */
async function run(
  given: Case,
  record: (tensors: {
    parts: Parameters<typeof linearBackwardGated>[1];
    dAct: Tensor;
  }) => Dispatch[],
): Promise<Float32Array[]> {
  const { rows, width, out, rank, activation } = given;
  const { dy, weight, gate, up, u, a } = inputsOf(given);
  const tensors = new TestTensors();
  const parts = {
    x: tensors.given("dy", dy),
    weight: {
      format: "f32" as const,
      rows: out,
      cols: width,
      tensors: { weight: tensors.given("weight", weight) },
    },
    lora: {
      u: { tensor: tensors.given("u", u), width: rank, first: 0 },
      matrix: viewOf(tensors.given("A", a), 0, a.length),
      rank,
      scaling: 0.5,
    },
    gate: tensors.given("gate", gate),
    up: tensors.given("up", up),
    activation,
  };
  const dAct = scratch("dAct", rows * width);
  return await runOnGpu(record({ parts, dAct }), tensors, [parts.gate, parts.up]);
}

test.each([
  [1, 4, 4, 4, "silu"],
  [7, 60, 28, 4, "silu"],
  [63, 64, 32, 8, "gelu-tanh"],
  [64, 68, 36, 4, "silu"],
  [65, 128, 64, 12, "gelu-tanh"],
  [129, 132, 8, 4, "silu"],
] as const)(
  "a product of %i rows, through a gate of %i columns from %i, rank %i, %s, follows tfjs",
  async (rows, width, out, rank, activation) => {
    const given = { rows, width, out, rank, activation };
    const { dy, weight, gate, up, u, a } = inputsOf(given);
    const expected = tf.tidy(() => {
      const act = (g: tf.Tensor, other: tf.Tensor) => {
        const root = Math.sqrt(2 / Math.PI);
        const cubed = tf.mul(tf.add(g, tf.mul(tf.pow(g, 3), 0.044715)), root);
        const opened =
          activation === "silu" ? tf.sigmoid(g) : tf.mul(tf.add(tf.tanh(cubed), 1), 0.5);
        return tf.mul(tf.mul(g, opened), other);
      };
      const dAct = tf.add(
        tf.matMul(tf.tensor2d(dy, [rows, out]), tf.tensor2d(weight, [out, width])),
        tf.mul(tf.matMul(tf.tensor2d(u, [rows, rank]), tf.tensor2d(a, [rank, width])), 0.5),
      );
      const inputs = [tf.tensor2d(gate, [rows, width]), tf.tensor2d(up, [rows, width])];
      return tf
        .grads(act)(inputs, dAct)
        .map((gradient) => gradient.dataSync());
    });
    const [dGate, dUp] = await run(given, ({ parts }) => [linearBackwardGated(rows, parts)]);
    expect(distance(dGate!, expected[0]!)).toBeLessThan(3e-6);
    expect(distance(dUp!, expected[1]!)).toBeLessThan(3e-6);
  },
);

const allTiles = Object.keys(tiles) as TileName[];

test.each([defaultTile, ...allTiles.filter((name) => name !== defaultTile)])(
  "a product through a gate in the tile %s has the bits of two dispatches",
  async (tile) => {
    const given = { rows: 70, width: 132, out: 36, rank: 8, activation: "silu" } as const;
    const fused = await run(given, ({ parts }) => [linearBackwardGated(70, { ...parts, tile })]);
    const apart = await run(given, ({ parts: { gate, up, activation, ...parts }, dAct }) => [
      linearBackward(70, { ...parts, y: dAct, tile: defaultTile }),
      gatedMlpBackward(activation, { rows: 70, width: 132 }, { dAct, gate, up }),
    ]);
    expect(fused).toEqual(apart);
  },
);
