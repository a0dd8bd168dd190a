// Proofs of AdamW: by hand, ten steps beside the reference engine's own, norms across the block's
// boundaries, and no update from a loss or gradient that is not finite.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, expect, test } from "vitest";
import {
  adamW as reference,
  clipByNorm,
  globalNorm,
  type Moments,
} from "../../../src/engine/tfjs/adamw.ts";
import {
  adamW,
  adamWScalars,
  partialsOf,
  type AdamWSettings,
} from "../../../src/kernels/adamw/kernel.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

type Numbers = Float32Array<ArrayBuffer>;

interface State {
  values: Numbers;
  moment1: Numbers;
  moment2: Numbers;
}

const settings: AdamWSettings = {
  step: 1,
  learningRate: 2e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: 1,
};

/** One step on the GPU. */
async function onGpu(state: State, gradient: Numbers, given: AdamWSettings, lossSum = 1) {
  const elements = gradient.length;
  const tensors = new TestTensors();
  const gradients = tensors.given("gradients", gradient);
  const values = tensors.given("values", state.values);
  const moment1 = tensors.given("moment1", state.moment1);
  const moment2 = tensors.given("moment2", state.moment2);
  const partials = tensors.output("partials", partialsOf(elements));
  const metrics = tensors.given("metrics", Float32Array.of(lossSum, NaN, NaN, 7));
  const outputs = [values, moment1, moment2, gradients, metrics];
  const results = await runOnGpu(
    adamW(elements, { gradients, values, moment1, moment2, partials, metrics }),
    tensors,
    outputs,
    adamWScalars(given),
  );
  const read = (index: number) => results[index] as Numbers;
  return {
    state: { values: read(0), moment1: read(1), moment2: read(2) },
    gradient: read(3),
    metrics: [...read(4)],
  };
}

function zeros(elements: number): State {
  const fresh = () => new Float32Array(elements);
  return { values: fresh(), moment1: fresh(), moment2: fresh() };
}

test("the first AdamW step moves by the learning rate against the gradient's sign", async () => {
  const state = { ...zeros(4), values: Float32Array.of(1, 1, 1, 1) };
  const given = {
    ...settings,
    learningRate: 0.1,
    weightDecay: 0.5,
    maxGradNorm: 0,
    epsilon: 1e-12,
  };
  const gradient = Float32Array.of(3, -4, 12, 0);
  const result = await onGpu(state, gradient, given);
  // Without a gradient there is only the decay.
  expect(distance(result.state.values, [0.85, 1.05, 0.85, 0.95])).toBeLessThan(1e-6);
  expect(distance(result.state.moment1, [0.3, -0.4, 1.2, 0])).toBeLessThan(1e-6);
  expect(distance(result.state.moment2, [0.009, 0.016, 0.144, 0])).toBeLessThan(1e-6);
  expect([...result.gradient]).toEqual([0, 0, 0, 0]);
  expect(distance(result.metrics, [1, 13, 1, 7])).toBeLessThan(1e-6);
});

// 16384 elements make a block of the norm, 256 a workgroup of the update.
test.each([
  [4, 0],
  [252, 1],
  [260, 0.1],
  [16_388, 1],
])(
  "twelve AdamW steps of %i elements, clipped to %d, follow the reference engine",
  async (elements, maxGradNorm) => {
    const start = randoms(elements, 1).map((value) => 0.1 * value);
    let actual: State = { ...zeros(elements), values: start };
    let expected: Moments = {
      values: tf.tensor1d(start),
      moment1: tf.zeros([elements]),
      moment2: tf.zeros([elements]),
    };
    for (let step = 1; step <= 12; step++) {
      const given = { ...settings, step, maxGradNorm, learningRate: 2e-3 / step };
      // Some steps clip, some do not.
      const gradient = randoms(elements, 10 + step).map(
        (value) => (value * step) / Math.sqrt(elements) / 4,
      );
      const [norm] = tf.tidy(() => globalNorm(tf.tensor1d(gradient)).dataSync());
      expected = tf.tidy(() =>
        reference(expected, clipByNorm(tf.tensor1d(gradient), norm!, maxGradNorm), {
          ...given,
          seed: 0,
        }),
      );
      const result = await onGpu(actual, gradient, given);
      actual = result.state;
      expect(distance(result.metrics, [1, norm!, 1, 7])).toBeLessThan(1e-6);
      expect(result.gradient.every((value) => value === 0)).toBe(true);
    }
    const change = (values: ArrayLike<number>) => start.map((value, i) => (values[i] ?? 0) - value);
    // What training changed, not the values it changed: a tenth of their size, hence the looser
    // bound.
    expect(distance(change(actual.values), change(expected.values.dataSync()))).toBeLessThan(5e-6);
    expect(distance(actual.moment1, expected.moment1.dataSync())).toBeLessThan(1e-6);
    expect(distance(actual.moment2, expected.moment2.dataSync())).toBeLessThan(1e-6);
  },
);

test.each([16_380, 16_384, 16_388, 500_000])(
  "the gradient norm of %i elements equals the sum in doubles",
  async (elements) => {
    const gradient = randoms(elements, 3);
    const expected = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
    const { metrics } = await onGpu(zeros(elements), gradient, settings);
    expect(Math.abs(metrics[1]! / expected - 1)).toBeLessThan(5e-7);
  },
);

test.each([
  ["a gradient of infinity", Infinity, 1],
  ["a gradient that is not a number", NaN, 1],
  ["gradients whose squares overflow", 3e19, 1],
  ["a loss that is not a number", 0.5, NaN],
  ["a loss of infinity", 0.5, -Infinity],
])(
  "AdamW after %s changes nothing but the gradient, which it zeroes",
  async (_, value, lossSum) => {
    const elements = 264;
    const state = {
      values: randoms(elements, 1),
      moment1: randoms(elements, 2),
      moment2: randoms(elements, 3).map(Math.abs),
    };
    const gradient = randoms(elements, 4);
    gradient[257] = value;
    const result = await onGpu(state, gradient, settings, lossSum);
    expect(result.state).toEqual(state);
    expect(result.gradient.every((entry) => entry === 0)).toBe(true);
    expect(result.metrics[2]).toBe(0);
  },
);
