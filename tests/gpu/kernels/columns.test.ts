// Proofs of taking columns apart and putting them together: by hand, against tf.split and its
// gradient, across the workgroup's boundaries, without a device error.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import { joinColumns, splitColumns } from "../../../src/kernels/columns/kernel.ts";
import { randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

test("columns of one and two quads are split and joined as by hand", async () => {
  const tensors = new TestTensors();
  const values = Float32Array.from({ length: 24 }, (_, i) => i);
  const whole = tensors.given("whole", values);
  const parts = [4, 8].map((width) => ({ tensor: tensors.output(`${width}`, 2 * width), width }));
  const joined = tensors.output("joined", 24);
  const [narrow, wide, again] = await runOnGpu(
    [...splitColumns(2, whole, parts), ...joinColumns(2, joined, parts)],
    tensors,
    [...parts.map(({ tensor }) => tensor), joined],
  );
  expect([...narrow!]).toEqual([0, 1, 2, 3, 12, 13, 14, 15]);
  expect([...wide!]).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23]);
  expect(again).toEqual(values);
});

test.each([
  [1, [4, 4]],
  [1, [252, 4]],
  [1, [256, 260]],
  [3, [84, 88]],
  [63, [4, 8, 4]],
  [65, [4, 4]],
  [7, [576, 192, 192]],
  [5, [1536, 1536]],
])(
  "splitColumns of %i rows of %j columns follows tf.split, and joinColumns its gradient",
  async (rows, widths) => {
    const width = widths.reduce((sum, own) => sum + own, 0);
    const whole = randoms(rows * width, 1);
    const [expected, gradients] = tf.tidy(() => {
      const x = tf.tensor2d(whole, [rows, width]);
      const split = tf.split(x, widths, 1);
      const squares = (input: tf.Tensor): tf.Scalar =>
        tf.addN(tf.split(input, widths, 1).map((part) => tf.sum(tf.square(part))));
      return [split.map((part) => part.dataSync()), tf.grad(squares)(x).dataSync()] as const;
    });
    const tensors = new TestTensors();
    const parts = widths.map((own) => ({ tensor: tensors.output("part", rows * own), width: own }));
    const flows = expected.map((values, i) => ({
      tensor: tensors.given(
        "flow",
        Float32Array.from(values, (value) => 2 * value),
      ),
      width: widths[i]!,
    }));
    const back = tensors.output("back", rows * width);
    const [joined, ...actual] = await runOnGpu(
      [
        ...splitColumns(rows, tensors.given("whole", whole), parts),
        ...joinColumns(rows, back, flows),
      ],
      tensors,
      [back, ...parts.map(({ tensor }) => tensor)],
    );
    expect(actual.map((values) => [...values])).toEqual(expected.map((values) => [...values]));
    expect([...joined!]).toEqual([...gradients]);
  },
);

test("columns whose width is not a multiple of 4 are refused", () => {
  const tensors = new TestTensors();
  const part = { tensor: tensors.output("part", 6), width: 6 };
  expect(() => splitColumns(1, tensors.output("whole", 6), [part])).toThrow(/not whole quads/);
});
