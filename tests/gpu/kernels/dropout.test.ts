// Proofs of dropout: the mask bit for bit that of the host and of the reference engine, in both
// forms, wherever a pass begins and padding lies.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import { loraLinear } from "../../../src/engine/tfjs/lora-linear.ts";
import { defineKernel } from "../../../src/gpu/kernel.ts";
import { dispatch } from "../../../src/gpu/plan.ts";
import { dropout, dropoutAdd } from "../../../src/kernels/dropout/kernel.ts";
import threefry from "../../../src/kernels/dropout/threefry.wgsl?raw";
import { streams, substream, uniforms } from "../../../src/util/random.ts";
import { randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

/** How many numbers differ, in value. */
function differing(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  return Array.from(actual).filter((value, index) => value !== expected[index]).length;
}

/** Mask of tokens at these places of a micro-batch. */
function maskOf(seed: number, stream: number, rate: number, width: number, places: Uint32Array) {
  const draws = uniforms(seed, stream, (Math.max(...places) + 1) * width);
  const ofToken = (place: number) => [...draws.subarray(place * width, (place + 1) * width)];
  const kept = 1 / (1 - rate);
  return Float32Array.from([...places].flatMap(ofToken), (draw) => (draw < rate ? 0 : kept));
}

test("Threefry-2x32-20 on the device gives the known answers of Random123", async () => {
  // Key and counter of zeros, from Random123's kat_vectors; the block beside it is the host's next.
  const kernel = defineKernel({
    name: "threefry-answers",
    source: `@compute @workgroup_size(1) fn main() {
  let words = threefry(vec2u(0u), vec2u(0u, 1u));
  answers[0] = vec4u(words.first, words.second);
}`,
    definitions: threefry,
    bindings: { answers: { use: "out", element: "vec4u" } },
  });
  const tensors = new TestTensors();
  const answers = tensors.output("answers", 4);
  const run = dispatch(kernel, { tensors: { answers }, grid: [1, 1, 1], work: 1 });
  const [result] = await runOnGpu([run], tensors, [answers]);
  const words = new Uint32Array(result!.buffer);
  expect([words[0], words[2]]).toEqual([0x6b200159, 0x99ba4efe]);
  const draws = uniforms(0, 0, 4);
  expect([words[1]! >>> 8, words[3]! >>> 8]).toEqual([draws[2]! * 2 ** 24, draws[3]! * 2 ** 24]);
});

const table = [
  // rows, width, rate, first place, padding after every fourth token
  [1, 4, 0.5, 0, 0],
  [1, 252, 0.05, 0, 0],
  [1, 256, 0.1, 0, 0],
  [1, 260, 0.1, 3, 0],
  [3, 68, 1 / 3, 1, 2],
  [4, 68, 1 / 3, 0, 5],
  [5, 68, 1 / 3, 0, 5],
  [13, 576, 0.05, 129, 3],
  [5, 896, 0.9, 1000, 1],
] as const;

test.each(table)(
  "dropout of %i rows of %i at rate %f from place %i on, with gaps of %i, draws the host's numbers",
  async (...given) => {
    const [rows, width, rate, first, gap] = given;
    const places = Uint32Array.from(
      { length: rows },
      (_, row) => first + row + gap * Math.floor(row / 4),
    );
    const count = rows * width;
    const seed = 0xdeadbeef;
    const stream = substream(streams.dropout, 7, 1, 2);
    const x = randoms(count, 1);
    const before = randoms(count, 2);
    const mask = maskOf(seed, stream, rate, width, places);

    const tensors = new TestTensors();
    const shape = { rows, width, rate, streamIndex: 2 };
    const shared = {
      streams: tensors.given("streams", Uint32Array.of(1, 2, stream)),
      places: tensors.given("places", places),
      x: tensors.given("x", x),
    };
    const y = tensors.output("y", count);
    const sum = tensors.given("sum", before);
    const [masked, added] = await runOnGpu(
      [dropout(shape, { ...shared, y }), dropoutAdd({ ...shape, scale: 1 }, { ...shared, y: sum })],
      tensors,
      [y, sum],
      { seed },
    );
    expect(
      differing(
        masked!,
        x.map((value, i) => value * mask[i]!),
      ),
    ).toBe(0);
    // A device may fuse the product into the sum, which rounds once less.
    const sums = before.map((value, i) => value + x[i]! * mask[i]!);
    const gaps = added!.map((value, i) => Math.abs(value - sums[i]!) / (1 + 1 / (1 - rate)));
    expect(Math.max(...gaps)).toBeLessThan(1e-6);
    expect(new Set(mask).size).toBe(2);
  },
);

test("dropout and its gradient are those of the reference engine", async () => {
  const rows = 6;
  const width = 12;
  const draw = { rate: 0.25, seed: 42, step: 3, microStep: 1 };
  const x = randoms(rows * width, 1);
  const dy = randoms(rows * width, 2);
  // Identities for A and B and nothing for the frozen weight leave dropout alone.
  const target = { module: "m", inFeatures: width, outFeatures: width, nameA: "a", nameB: "b" };
  const [value, gradient] = tf.tidy(() => {
    const frozen: tf.Tensor2D = tf.zeros([width, width]);
    const weights = { get: () => frozen, dispose: () => undefined };
    const identity = tf.eye(width);
    const linear = loraLinear(weights, [target], [identity, identity], 1, draw);
    const { value, grad } = tf.valueAndGrad((input: tf.Tensor) =>
      linear(input as tf.Tensor2D, "m"),
    )(tf.tensor2d(x, [rows, width]), tf.tensor2d(dy, [rows, width]));
    return [value.dataSync(), grad.dataSync()];
  });

  const tensors = new TestTensors();
  const stream = substream(streams.dropout, draw.step, draw.microStep, 0);
  const shared = {
    streams: tensors.given("streams", Uint32Array.of(stream)),
    places: tensors.given("places", Uint32Array.of(0, 1, 2, 3, 4, 5)),
  };
  const shape = { rows, width, rate: draw.rate, streamIndex: 0 };
  const y = tensors.output("y", rows * width);
  const dx = tensors.given("dx", new Float32Array(rows * width));
  const [actual, actualGradient] = await runOnGpu(
    [
      dropout(shape, { ...shared, x: tensors.given("x", x), y }),
      dropoutAdd({ ...shape, scale: 1 }, { ...shared, x: tensors.given("dy", dy), y: dx }),
    ],
    tensors,
    [y, dx],
    { seed: draw.seed },
  );
  expect(differing(actual!, value)).toBe(0);
  expect(differing(actualGradient!, gradient)).toBe(0);
});
