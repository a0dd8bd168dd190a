// Proofs of the product for few rows: by hand, against tfjs on the CPU, across its boundaries, for
// every weight format. It has no backward pass: generation needs none.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, test } from "vitest";
import { viewOf } from "../../../../src/gpu/plan.ts";
import type { Matrix } from "../../../../src/kernels/matmul/kernel.ts";
import { matvec } from "../../../../src/kernels/matvec/kernel.ts";
import { decodeWeight } from "../../../../src/model/weight-format/decode.ts";
import type { WeightShape } from "../../../../src/model/weight-format/format.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../../support/kernels.ts";
import { encodeWeight } from "../../../support/weights.ts";

type Values = Float32Array<ArrayBuffer>;

beforeAll(async () => {
  await tf.setBackend("cpu");
});

const strideOf = (cols: number) => Math.ceil(cols / 4) * 4;

/** The first `cols` of each padded row. */
function cut(values: Float32Array, rows: number, cols: number): Float32Array {
  const row = (m: number) => [...values.subarray(m * strideOf(cols), m * strideOf(cols) + cols)];
  return Float32Array.from(Array.from({ length: rows }, (_, m) => row(m)).flat());
}

/** Rows padded with NaN, which nothing may read. */
function padded(values: Values, rows: number, cols: number): Values {
  const result = new Float32Array(rows * strideOf(cols)).fill(NaN);
  for (let m = 0; m < rows; m++) {
    result.set(values.subarray(m * cols, (m + 1) * cols), m * strideOf(cols));
  }
  return result;
}

function f32Matrix(tensors: TestTensors, values: Values, rows: number, cols: number): Matrix {
  return { format: "f32", rows, cols, tensors: { weight: tensors.given("weight", values) } };
}

test("the matrix-vector product with an adapter of rank 1 and a residual equals the one worked out by hand", async () => {
  const tensors = new TestTensors();
  const y = tensors.output("y", 4);
  const product = matvec(1, {
    x: tensors.given("x", Float32Array.of(1, 2, 3, 4)),
    weight: f32Matrix(tensors, Float32Array.of(1, 0, 0, 1, 0, 10, 1, 0), 2, 4),
    y,
    lora: {
      h: {
        tensor: tensors.given("h", Float32Array.of(9, 9, 9, 9, 3, 0, 0, 0)),
        width: 8,
        first: 4,
      },
      matrix: viewOf(tensors.given("B", Float32Array.of(1, 9, 9, 9, -1, 9, 9, 9)), 0, 8),
      rank: 4,
      scaling: 2,
    },
    residual: tensors.given("residual", Float32Array.of(100, 200, NaN, NaN)),
  });
  const [values = new Float32Array()] = await runOnGpu([product], tensors, [y]);
  expect([...values.subarray(0, 2)]).toEqual([5 + 6 + 100, 23 - 6 + 200]);
  expect([...values.subarray(2)]).toEqual([NaN, NaN]);
});

interface Case {
  rows: number;
  inner: number;
  outer: number;
  rank?: number;
  hasResidual?: boolean;
}

/** How far the device is from tfjs, with weights as the format keeps them. */
async function distanceFromTfjs(
  { rows, inner, outer, rank = 0, hasResidual = false }: Case,
  format: Pick<WeightShape, "format" | "groupSize"> = { format: "f32" },
): Promise<number> {
  const tensors = new TestTensors();
  const shape: WeightShape = { ...format, rows: outer, cols: inner };
  const stored = encodeWeight(shape, randoms(outer * inner, 1), 64);
  const x = randoms(rows * inner, 2);
  const h = randoms(rows * rank, 3);
  const b = randoms(outer * rank, 4);
  const residual = randoms(rows * outer, 5);
  const scaling = 0.75;
  const expected = tf.tidy(() => {
    const w = tf.tensor2d(decodeWeight(shape, stored), [outer, inner]);
    const terms = [tf.matMul(tf.tensor2d(x, [rows, inner]), w, false, true)];
    if (rank > 0) {
      const weightB = tf.tensor2d(b, [outer, rank]);
      const delta = tf.matMul(tf.tensor2d(h, [rows, rank]), weightB, false, true);
      terms.push(tf.mul(delta, scaling));
    }
    if (hasResidual) {
      terms.push(tf.tensor2d(residual, [rows, outer]));
    }
    return tf.addN(terms).dataSync();
  });
  const y = tensors.output("y", rows * strideOf(outer));
  const weight = Object.fromEntries(
    Object.entries(stored).map(([name, bytes]) => [
      name,
      tensors.given(name, new Uint32Array(bytes)),
    ]),
  );
  const lora = rank > 0 && {
    h: { tensor: tensors.given("h", h), width: rank, first: 0 },
    matrix: viewOf(tensors.given("B", b), 0, b.length),
    rank,
    scaling,
  };
  const product = matvec(rows, {
    x: tensors.given("x", x),
    weight: { ...shape, tensors: weight },
    y,
    ...(lora && { lora }),
    ...(hasResidual && { residual: tensors.given("residual", padded(residual, rows, outer)) }),
  });
  const [values = new Float32Array()] = await runOnGpu([product], tensors, [y]);
  return distance(cut(values, rows, outer), expected);
}

describe("the matrix-vector product follows tfjs for", () => {
  // Both sides of a quad, a team's 4 rows, a workgroup's 8, 16 and 32, a lap and a change of lanes
  // (8 to 128); real layers.
  test.each([
    [1, 4, 1],
    [1, 28, 3],
    [1, 32, 4],
    [1, 36, 5],
    [1, 252, 31],
    [1, 256, 32],
    [1, 508, 33],
    [1, 512, 15],
    [1, 516, 17],
    [1, 1020, 9],
    [1, 1024, 64],
    [1, 1028, 65],
    [1, 4096, 16],
    [1, 4864, 7],
    [1, 896, 151],
    [1, 576, 1537],
    [2, 64, 70],
    [3, 640, 17],
    [4, 64, 67],
    [4, 1536, 130],
  ])("%i rows of %i to %i features", async (rows, inner, outer) => {
    expect(await distanceFromTfjs({ rows, inner, outer })).toBeLessThan(2e-6);
  });

  test.each([
    [1, 64, 4, true],
    [1, 576, 16, false],
    [2, 60, 8, true],
    [3, 64, 16, false],
    [1, 64, 132, true],
    [1, 64, 0, true],
  ])(
    "%i rows of %i features, an adapter of rank %i, residual %s",
    async (rows, inner, rank, hasResidual) => {
      const distances = [
        await distanceFromTfjs({ rows, inner, outer: 45, rank, hasResidual }),
        await distanceFromTfjs({ rows, inner, outer: 64, rank: 0, hasResidual }),
      ];
      expect(Math.max(...distances)).toBeLessThan(2e-6);
    },
  );

  test.each([
    { format: "f16" },
    { format: "q8", groupSize: 32 },
    { format: "q4", groupSize: 64 },
    { format: "q4", groupSize: 128 },
    { format: "nf4" },
  ] as const)(
    "$format weights in groups of $groupSize with adapter and residual, in 8 bindings",
    async (format) => {
      for (const rows of [1, 3]) {
        const shape = { rows, inner: 640, outer: 67, rank: 8, hasResidual: true };
        expect(await distanceFromTfjs(shape, format)).toBeLessThan(2e-6);
      }
    },
  );
});

test("the matrix-vector product accepts an adapter's A, a view, as an f32 weight", async () => {
  const [rows, inner, rank] = [2, 576, 16];
  const tensors = new TestTensors();
  const x = randoms(rows * inner, 6);
  const a = randoms(rank * inner, 7);
  const adapter = new Float32Array(64 + a.length + 64).fill(NaN);
  adapter.set(a, 64);
  const h = tensors.output("h", rows * rank);
  const matrix = viewOf(tensors.given("adapter", adapter), 64, a.length);
  const product = matvec(rows, {
    x: tensors.given("x", x),
    weight: { format: "f32", rows: rank, cols: inner, tensors: { weight: matrix } },
    y: h,
  });
  const [values = new Float32Array()] = await runOnGpu([product], tensors, [h]);
  const expected = tf.tidy(() =>
    tf.matMul(tf.tensor2d(x, [rows, inner]), tf.tensor2d(a, [rank, inner]), false, true).dataSync(),
  );
  expect(distance(values, expected)).toBeLessThan(2e-6);
});

test("the matrix-vector product has the same bits in every run", async () => {
  const tensors = new TestTensors();
  const given = {
    x: tensors.given("x", randoms(576, 8)),
    weight: f32Matrix(tensors, randoms(100 * 576, 9), 100, 576),
  };
  const outputs = [tensors.output("first", 100), tensors.output("second", 100)];
  const products = outputs.map((y) => matvec(1, { ...given, y }));
  const [first, second] = await runOnGpu(products, tensors, outputs);
  expect(second).toEqual(first);
});

test("the matrix-vector product throws on rows and widths that it does not support", () => {
  const tensors = new TestTensors();
  const x = tensors.given("x", new Float32Array(40));
  const y = tensors.output("y", 40);
  const weight = f32Matrix(tensors, new Float32Array(64), 8, 8);
  expect(() => matvec(5, { x, weight, y })).toThrow("5 rows");
  expect(() => matvec(1, { x, weight: { ...weight, cols: 6 }, y })).toThrow("6 and 0");
});
