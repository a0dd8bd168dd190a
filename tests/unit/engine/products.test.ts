// Our matrix products against tfjs's own and its autodiff, and by finite differences, over shapes
// on both sides of tiles.
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { times, timesFrozen, timesTransposed } from "../../../src/engine/tfjs/products.ts";
import { openMachine } from "../../../src/engine/tfjs/backend.ts";

beforeAll(async () => {
  await openMachine("cpu");
});

const shapes = [
  [1, 1, 1],
  [3, 5, 7],
  [31, 32, 33],
  [32, 32, 32],
  [33, 31, 8],
  [40, 128, 8],
] as const;

type Matrix = tf.Tensor2D;

describe.each(shapes)("products with n = %i, k = %i, m = %i:", (n, k, m) => {
  const a = () => tf.randomNormal<tf.Rank.R2>([n, k], 0, 1, "float32", 1);
  const b = () => tf.randomNormal<tf.Rank.R2>([m, k], 0, 1, "float32", 2);

  test.each([
    ["a b^T", timesTransposed<tf.Rank.R2>, (x: Matrix, y: Matrix) => tf.matMul(x, y, false, true)],
    [
      "a b",
      (x: Matrix, y: Matrix) => times(x, tf.transpose(y)),
      (x: Matrix, y: Matrix) => tf.matMul(x, tf.transpose(y)),
    ],
  ])("the product %s and both gradients equal tfjs's", (_, ours, theirs) => {
    const dy = tf.randomNormal<tf.Rank.R2>([n, m], 0, 1, "float32", 3);
    const gradients = (product: (x: Matrix, y: Matrix) => tf.Tensor) =>
      tf.valueAndGrads((x, y) => product(x as Matrix, y as Matrix))([a(), b()], dy);
    const [own, expected] = [gradients(ours), gradients(theirs)];
    close(own.value, expected.value);
    own.grads.forEach((gradient, i) => {
      close(gradient, expected.grads[i]!);
    });
  });

  test("the product x W^T with W frozen equals tfjs's, and so does dX", () => {
    const weight = b();
    const dy = tf.randomNormal<tf.Rank.R2>([n, m], 0, 1, "float32", 3);
    const own = tf.valueAndGrad((x) => timesFrozen(x as Matrix, weight))(a(), dy);
    const expected = tf.valueAndGrad((x) => tf.matMul(x as Matrix, weight, false, true))(a(), dy);
    close(own.value, expected.value);
    close(own.grad, expected.grad);
  });
});

test("the product of [1 2] and the transpose of [[3 4] [5 6]] is [11 17]", () => {
  const x = tf.tensor2d([[1, 2]]);
  const y = tf.tensor2d([
    [3, 4],
    [5, 6],
  ]);
  expect([...timesTransposed(x, y).dataSync()]).toEqual([11, 17]);
  expect([...timesFrozen(x, y).dataSync()]).toEqual([11, 17]);
  expect([...times(x, y).dataSync()]).toEqual([13, 16]);
});

test("the gradients of products equal finite differences", () => {
  const y = tf.randomNormal<tf.Rank.R2>([4, 3], 0, 1, "float32", 5);
  const f = (x: Matrix): tf.Tensor => tf.sum(tf.square(timesTransposed(x, y)));
  const x = tf.randomNormal<tf.Rank.R2>([2, 3], 0, 1, "float32", 4);
  const gradient = tf
    .grad((input) => f(input as Matrix))(x)
    .dataSync();
  const values = x.dataSync();
  gradient.forEach((slope, i) => {
    const at = (shift: number) =>
      f(
        tf.tensor2d(
          values.map((v, j) => (j === i ? v + shift : v)),
          [2, 3],
        ),
      ).dataSync()[0]!;
    expect((at(1e-2) - at(-1e-2)) / 2e-2).toBeCloseTo(slope, 2);
  });
});

test("a stack of matrices is multiplied one by one", () => {
  const x = tf.randomNormal<tf.Rank.R3>([2, 3, 4], 0, 1, "float32", 6);
  const y = tf.randomNormal<tf.Rank.R3>([2, 5, 4], 0, 1, "float32", 7);
  close(timesTransposed(x, y), tf.matMul(x, y, false, true));
});

function close(actual: tf.Tensor, expected: tf.Tensor): void {
  expect(actual.shape).toEqual(expected.shape);
  const other = actual.dataSync();
  const scale = Math.max(1, ...expected.dataSync().map(Math.abs));
  expected.dataSync().forEach((value, i) => {
    expect(Math.abs(value - (other[i] ?? NaN))).toBeLessThanOrEqual(1e-5 * scale);
  });
}
