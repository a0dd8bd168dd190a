// Proofs of the gated MLP: by hand, against tfjs autodiff, across the workgroup's boundaries, at
// gates that overflow exp.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import {
  gatedMlp,
  gatedMlpBackward,
  type GateFunction,
} from "../../../src/kernels/gated-mlp/kernel.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

const references: Record<GateFunction, (gate: tf.Tensor) => tf.Tensor> = {
  silu: (gate) => tf.mul(gate, tf.sigmoid(gate)),
  "gelu-tanh": (gate) => {
    const cubic = tf.mul(tf.pow(gate, 3), 0.044715);
    const inner = tf.mul(tf.add(gate, cubic), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(gate, 0.5), tf.add(tf.tanh(inner), 1));
  },
};

interface Inputs {
  gate: Float32Array<ArrayBuffer>;
  up: Float32Array<ArrayBuffer>;
  dAct: Float32Array<ArrayBuffer>;
}

async function onGpu(name: GateFunction, rows: number, width: number, inputs: Inputs) {
  const tensors = new TestTensors();
  const gate = tensors.given("gate", inputs.gate);
  const up = tensors.given("up", inputs.up);
  const dAct = tensors.given("dAct", inputs.dAct);
  const act = tensors.output("act", rows * width);
  const shape = { rows, width };
  const [actual, dGate, dUp] = await runOnGpu(
    [gatedMlp(name, shape, { gate, up, act }), gatedMlpBackward(name, shape, { dAct, gate, up })],
    tensors,
    [act, gate, up],
  );
  return { act: actual!, dGate: dGate!, dUp: dUp! };
}

test("silu(ln 3) is 3/4 ln 3 and its slope 3/4 + 3/16 ln 3", async () => {
  const gate = new Float32Array(4).fill(Math.log(3));
  const up = Float32Array.of(1, 2, 0, -4);
  const dAct = Float32Array.of(1, 1, 1, 16);
  const result = await onGpu("silu", 1, 4, { gate, up, dAct });
  expect(distance(result.act, [0.8239592, 1.6479184, 0, -3.2958369])).toBeLessThan(1e-6);
  expect(distance(result.dGate, [0.9559898, 1.9119796, 0, -61.183347])).toBeLessThan(1e-6);
  expect(distance(result.dUp, [0.8239592, 0.8239592, 0.8239592, 13.183347])).toBeLessThan(1e-6);
});

test("gelu_pytorch_tanh of -1, 0, 1 and 3 equals PyTorch's values", async () => {
  const gate = Float32Array.of(-1, 0, 1, 3);
  const ones = new Float32Array(4).fill(1);
  const { act } = await onGpu("gelu-tanh", 1, 4, { gate, up: ones, dAct: ones });
  expect(distance(act, [-0.15880801, 0, 0.84119199, 2.9963627])).toBeLessThan(1e-6);
});

const shapes = [
  [1, 4],
  [1, 252],
  [1, 256],
  [1, 260],
  [3, 68],
  [7, 1536],
] as const;

test.each(
  shapes.flatMap(([rows, width]) => [
    ["silu" as const, rows, width],
    ["gelu-tanh" as const, rows, width],
  ]),
)("%s, %i rows of %i: forward and backward follow tfjs", async (name, rows, width) => {
  const inputs = {
    gate: randoms(rows * width, 1).map((value) => 6 * value),
    up: randoms(rows * width, 2),
    dAct: randoms(rows * width, 3),
  };
  const expected = tf.tidy(() => {
    const run = (...[gate, up]: tf.Tensor[]) => tf.mul(references[name](gate!), up!);
    const { value, grads } = tf.valueAndGrads(run)(
      [tf.tensor1d(inputs.gate), tf.tensor1d(inputs.up)],
      tf.tensor1d(inputs.dAct),
    );
    return [value, ...grads].map((tensor) => tensor.dataSync());
  });
  const { act, dGate, dUp } = await onGpu(name, rows, width, inputs);
  expect(distance(act, expected[0]!)).toBeLessThan(2e-6);
  expect(distance(dGate, expected[1]!)).toBeLessThan(2e-6);
  expect(distance(dUp, expected[2]!)).toBeLessThan(2e-6);
});

test.each(["silu", "gelu-tanh"] as const)(
  "%s of very large and very negative gates stays finite",
  async (name) => {
    const gate = Float32Array.of(-1e4, -200, 200, 1e4);
    const ones = new Float32Array(4).fill(1);
    const { act, dGate, dUp } = await onGpu(name, 1, 4, { gate, up: ones, dAct: ones });
    expect([...act].map((value) => value + 0)).toEqual([
      expect.closeTo(0),
      expect.closeTo(0),
      200,
      1e4,
    ]);
    expect(distance(dGate, [0, 0, 1, 1])).toBeLessThan(1e-6);
    expect(distance(dUp, act)).toBe(0);
  },
);
