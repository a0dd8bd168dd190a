// Proofs of moving rows: by hand, against tfjs autodiff of a gather, across the workgroup's
// boundaries; add, add a bias, clear.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import { viewOf } from "../../../src/gpu/plan.ts";
import {
  add,
  addBias,
  clear,
  gatherRows,
  scatterAddRows,
} from "../../../src/kernels/rows/kernel.ts";
import { permutation } from "../../../src/util/random.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

test("gatherRows and scatterAddRows move rows 2 and 0, and skip an entry past the supervised rows", async () => {
  const tensors = new TestTensors();
  const rows = tensors.given("rows", Uint32Array.of(1, 2, 0, 1));
  const x = tensors.given("x", Float32Array.of(1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
  const y = tensors.output("y", 12);
  const chunk = { first: 1, count: 3, width: 4 };
  const [gathered, scattered] = await runOnGpu(
    [gatherRows(chunk, { rows, x, y }), scatterAddRows(chunk, { rows, x, y })],
    tensors,
    [y, x],
    { supervisedRows: 3 },
  );
  expect([...gathered!]).toEqual([3, 3, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0]);
  expect([...scattered!]).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 6, 6, 6, 6]);
});

test("a chunk past the supervised rows is skipped", async () => {
  const tensors = new TestTensors();
  const rows = tensors.given("rows", Uint32Array.of(0, 1));
  const x = tensors.given("x", new Float32Array(8));
  const y = tensors.output("y", 4);
  const run = gatherRows({ first: 1, count: 1, width: 4 }, { rows, x, y });
  const [gathered] = await runOnGpu([run], tensors, [y], { supervisedRows: 1 });
  expect(gathered!.every(Number.isNaN)).toBe(true);
});

test.each([
  // tokens, width, first, count, supervised
  [1, 4, 0, 1, 1],
  [70, 4, 0, 63, 63],
  [70, 4, 0, 64, 64],
  [70, 4, 2, 65, 67],
  [9, 260, 3, 4, 5],
  [200, 576, 64, 64, 101],
])(
  "gatherRows of %i tokens of %i, chunk %i + %i of %i rows, and its gradient follow tfjs",
  async (...given) => {
    const [tokens, width, first, count, supervised] = given;
    const places = permutation(7, 1, tokens);
    const x = randoms(tokens * width, 1);
    const dy = randoms(count * width, 2);
    const residual = randoms(tokens * width, 3);
    const own = Math.min(count, supervised - first);
    const [value, gradient] = tf.tidy(() => {
      const picked = tf.tensor1d(Int32Array.from(places.subarray(first, first + own)), "int32");
      const run = (input: tf.Tensor) => {
        const rest: [number, number][] = [
          [0, count - own],
          [0, 0],
        ];
        return tf.pad(tf.gather(input, picked), rest);
      };
      const { value, grad } = tf.valueAndGrad(run)(
        tf.tensor2d(x, [tokens, width]),
        tf.tensor2d(dy, [count, width]),
      );
      return [value.dataSync(), tf.add(grad, tf.tensor2d(residual, [tokens, width])).dataSync()];
    });

    const tensors = new TestTensors();
    const rows = tensors.given("rows", places.slice(0, supervised));
    const y = tensors.output("y", count * width);
    const dx = tensors.given("dx", residual);
    const chunk = { first, count, width };
    const [actual, actualGradient] = await runOnGpu(
      [
        gatherRows(chunk, { rows, x: tensors.given("x", x), y }),
        scatterAddRows(chunk, { rows, x: dx, y: tensors.given("dy", dy) }),
      ],
      tensors,
      [y, dx],
      { supervisedRows: supervised },
    );
    expect(distance(actual!, value)).toBe(0);
    expect(distance(actualGradient!, gradient)).toBeLessThan(1e-7);
  },
);

test.each([4, 252, 256, 260, 4096 + 4])(
  "add writes y + x to y for %i elements",
  async (elements) => {
    const x = randoms(elements, 1);
    const y = randoms(elements, 2);
    const expected = tf.tidy(() => tf.add(tf.tensor1d(x), tf.tensor1d(y)).dataSync());
    const tensors = new TestTensors();
    const sum = tensors.given("y", y);
    const [actual] = await runOnGpu(
      [add(elements, { x: tensors.given("x", x), y: sum })],
      tensors,
      [sum],
    );
    expect(distance(actual!, expected)).toBe(0);
  },
);

test("addBias adds the bias to each row", async () => {
  const tensors = new TestTensors();
  const x = tensors.given("x", Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  const bias = tensors.given("bias", Float32Array.of(10, 20, 30, 40));
  const [actual] = await runOnGpu([addBias({ rows: 2, width: 4 }, { x, bias })], tensors, [x]);
  expect([...actual!]).toEqual([11, 22, 33, 44, 15, 26, 37, 48]);
});

test.each([
  [1, 4],
  [1, 252],
  [1, 256],
  [3, 84],
  [13, 20],
  [17, 896],
])("addBias of %i rows of %i follows x + bias", async (rows, width) => {
  const x = randoms(rows * width, 1);
  const bias = randoms(width, 2);
  const expected = tf.tidy(() =>
    tf.add(tf.tensor2d(x, [rows, width]), tf.tensor1d(bias)).dataSync(),
  );
  const tensors = new TestTensors();
  const sum = tensors.given("x", x);
  const given = { x: sum, bias: tensors.given("bias", bias) };
  const [actual] = await runOnGpu([addBias({ rows, width }, given)], tensors, [sum]);
  expect(distance(actual!, expected)).toBe(0);
});

test.each([4, 252, 256, 260])(
  "clear of %i elements in the middle changes no others",
  async (elements) => {
    const tensors = new TestTensors();
    const x = tensors.given("x", new Float32Array(512).fill(7));
    const [actual] = await runOnGpu([clear(elements, { x: viewOf(x, 64, elements) })], tensors, [
      x,
    ]);
    expect([...actual!]).toEqual(
      Array.from({ length: 512 }, (_, i) => (i >= 64 && i < 64 + elements ? 0 : 7)),
    );
  },
);

test("a kernel over more than 65535 workgroups writes the last quad", async () => {
  const elements = (65_535 * 64 + 1) * 4;
  const tensors = new TestTensors();
  const x = tensors.given("x", new Float32Array(elements + 4).fill(7));
  const [actual] = await runOnGpu([clear(elements, { x })], tensors, [x]);
  expect(actual!.findIndex((value) => value !== 0)).toBe(elements);
});
