// Proofs of the matrix products: by hand, against tfjs autodiff, across every tile's boundaries,
// each tile's bits against the default's, without a device error.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import { persistent, viewOf, type Tensor, type View } from "../../../../src/gpu/plan.ts";
import { linear, linearBackward, type Matrix } from "../../../../src/kernels/matmul/kernel.ts";
import {
  defaultTile,
  sharedLayout,
  tiles,
  tileThreads,
  type Tile,
  type TileName,
} from "../../../../src/kernels/matmul/tile.ts";
import { f16ToF32, f32ToF16 } from "../../../../src/util/bytes.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../../support/kernels.ts";

const tileNames = Object.keys(tiles) as TileName[];

beforeAll(async () => {
  await tf.setBackend("cpu");
});

type Values = Float32Array<ArrayBuffer>;

function f32Matrix(tensors: TestTensors, values: Values, rows: number, cols: number): Matrix {
  return { format: "f32", rows, cols, tensors: { weight: tensors.given("weight", values) } };
}

/** Pads each row to whole quads. @param filler what stands in the padding */
function padded(values: Values, rows: number, cols: number, filler = 0): Values {
  const stride = Math.ceil(cols / 4) * 4;
  const result = new Float32Array(rows * stride).fill(filler);
  for (let row = 0; row < rows; row++) {
    result.set(values.subarray(row * cols, (row + 1) * cols), row * stride);
  }
  return result;
}

function cut(values: Float32Array, rows: number, cols: number): Values {
  const stride = Math.ceil(cols / 4) * 4;
  return Float32Array.from(
    { length: rows * cols },
    (_, i) => values[Math.floor(i / cols) * stride + (i % cols)] ?? NaN,
  );
}

function whole(tensor: Tensor): View {
  return viewOf(tensor, 0, tensor.sizeBytes / 4);
}

test("the product of two rows and three columns with an adapter of rank 1 equals the one worked out by hand", async () => {
  const tensors = new TestTensors();
  const y = tensors.output("y", 8);
  const forward = linear(2, {
    x: tensors.given("x", Float32Array.of(1, 2, 3, 4, 0, 1, 0, 1)),
    weight: f32Matrix(tensors, Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0, 1, 1, 1, 1), 3, 4),
    y,
    lora: {
      h: {
        tensor: tensors.given("h", Float32Array.of(9, 9, 9, 9, 1, 0, 0, 0, 9, 9, 9, 9, 2, 0, 0, 0)),
        width: 8,
        first: 4,
      },
      matrix: whole(tensors.given("lora", Float32Array.of(10, 0, 0, 0, 20, 0, 0, 0, 30, 0, 0, 0))),
      rank: 4,
      scaling: 0.5,
    },
  });
  const [values = new Float32Array()] = await runOnGpu([forward], tensors, [y]);
  expect([...cut(values, 2, 3)]).toEqual([1 + 5, 2 + 10, 10 + 15, 0 + 10, 1 + 20, 2 + 30]);
});

interface Case {
  rows: number;
  inner: number;
  outer: number;
  rank: number;
}

/**
 * On both sides of each tile's edges (8, 16, 32, 64), odd, and the layers of SmolLM2-135M and
 * Qwen2.5-0.5B.
 */
const shapes: Case[] = [
  { rows: 1, inner: 4, outer: 4, rank: 4 },
  { rows: 7, inner: 12, outer: 31, rank: 4 },
  { rows: 8, inner: 16, outer: 32, rank: 8 },
  { rows: 9, inner: 20, outer: 33, rank: 8 },
  { rows: 63, inner: 36, outer: 65, rank: 12 },
  { rows: 64, inner: 64, outer: 64, rank: 16 },
  { rows: 65, inner: 68, outer: 127, rank: 16 },
  { rows: 129, inner: 48, outer: 129, rank: 4 },
];

interface Reference {
  y: Values;
  dx: Values;
}

/** y = x W^T + s (x A^T) B^T + r, and its gradient by x. */
function reference({ rows, inner, outer, rank }: Case, scaling: number, seed = 0): Reference {
  const at = (index: number, size: number) => randoms(size, seed + index);
  return tf.tidy(() => {
    const weight = tf.tensor2d(at(1, outer * inner), [outer, inner]);
    const loraA = tf.tensor2d(at(2, rank * inner), [rank, inner]);
    const loraB = tf.tensor2d(at(3, outer * rank), [outer, rank]);
    const run = (input: tf.Tensor): tf.Tensor => {
      const x = input as tf.Tensor2D;
      const h = tf.matMul(x, loraA, false, true);
      const adapted = tf.mul(tf.matMul(h, loraB, false, true), scaling);
      return tf.add(tf.matMul(x, weight, false, true), adapted);
    };
    const { value, grad } = tf.valueAndGrad(run)(
      tf.tensor2d(at(0, rows * inner), [rows, inner]),
      tf.tensor2d(at(4, rows * outer), [rows, outer]),
    );
    const y = tf.add(value, tf.tensor2d(at(5, rows * outer), [rows, outer]));
    const dx = tf.add(grad, tf.tensor2d(at(6, rows * inner), [rows, inner]));
    return { y: y.dataSync() as Values, dx: dx.dataSync() as Values };
  });
}

interface Products {
  y: Values;
  dx: Values;
  /** Without an adapter in the sum: x A^T and dy B. */
  h: Values;
  u: Values;
}

/** The layer and its backward, the adapter's own products too, all by one tile. */
async function productsOf(shape: Case, tile: TileName, scaling: number): Promise<Products> {
  const { rows, inner, outer, rank } = shape;
  const tensors = new TestTensors();
  const weight = f32Matrix(tensors, randoms(outer * inner, 1), outer, inner);
  const a = tensors.given("A", randoms(rank * inner, 2));
  const b = tensors.given("B", randoms(outer * rank, 3));
  const [h, u] = [tensors.output("h", rows * rank), tensors.output("u", rows * rank)];
  const x = tensors.given("x", randoms(rows * inner, 0));
  const dy = tensors.given("dy", padded(randoms(rows * outer, 4), rows, outer));
  const residual = tensors.given("r", padded(randoms(rows * outer, 5), rows, outer));
  const y = tensors.output("y", rows * Math.ceil(outer / 4) * 4);
  const dx = tensors.given("dx", randoms(rows * inner, 6));
  const asMatrix = (tensor: Tensor, matrixRows: number, cols: number): Matrix => ({
    format: "f32",
    rows: matrixRows,
    cols,
    tensors: { weight: tensor },
  });
  const columns = (tensor: Tensor) => ({ tensor, width: rank, first: 0 });
  const ofA = { u: columns(u), matrix: whole(a), rank, scaling };
  const ofB = { h: columns(h), matrix: whole(b), rank, scaling };
  const [yValues, dxValues, hValues, uValues] = await runOnGpu(
    [
      linear(rows, { x, weight: asMatrix(a, rank, inner), y: h, tile }),
      linear(rows, { x, weight, y, lora: ofB, residual, tile }),
      linearBackward(rows, { x: dy, weight: asMatrix(b, outer, rank), y: u, tile }),
      linearBackward(rows, { x: dy, weight, y: dx, lora: ofA, residual: dx, tile }),
    ],
    tensors,
    [y, dx, h, u],
  );
  return {
    y: cut(yValues!, rows, outer),
    dx: cut(dxValues!, rows, inner),
    h: cut(hValues!, rows, rank),
    u: cut(uValues!, rows, rank),
  };
}

test.each(shapes)(
  "the matrix product $rows x $inner x $outer, rank $rank, follows tfjs forward and backward",
  async (shape) => {
    const expected = reference(shape, 1.5);
    const actual = await productsOf(shape, defaultTile, 1.5);
    expect(distance(actual.y, expected.y)).toBeLessThan(3e-6);
    expect(distance(actual.dx, expected.dx)).toBeLessThan(3e-6);
  },
);

// So the proof above holds for each tile, and tuning changes no run. The last shape is a real
// layer.
const allShapes = [...shapes, { rows: 64, inner: 576, outer: 192, rank: 16 }];

test.each(tileNames)(
  "the matrix product by tile %s has the default tile's bits, with and without an adapter",
  async (tile) => {
    for (const shape of allShapes) {
      const expected = await productsOf(shape, defaultTile, 1.5);
      expect(await productsOf(shape, tile, 1.5)).toEqual(expected);
      expect(expected.y.some((value) => Number.isNaN(value) || value === 0)).toBe(false);
    }
  },
);

test("there are at most six tiles, and each fits the default limits of WebGPU", () => {
  expect(tileNames.length).toBeLessThanOrEqual(6);
  for (const tile of Object.values<Tile>(tiles)) {
    expect(tileThreads(tile)).toBeGreaterThanOrEqual(64);
    if (tile.shared) {
      const { leftQuads, rightQuads } = sharedLayout(tile);
      expect((leftQuads + rightQuads) * 16).toBeGreaterThanOrEqual(8192);
    }
  }
  const tooLarge = { ...tiles.sharedTall, threadsX: 16, threadsY: 32 };
  expect(() => tileThreads(tooLarge)).toThrow("512 threads");
  expect(() => sharedLayout(tooLarge)).toThrow("stages");
});

test("f16 weights give the bits of the same numbers in f32", async () => {
  const [rows, inner, outer] = [9, 20, 33];
  const halves = f32ToF16(randoms(outer * inner, 1));
  const packed = new Uint32Array(halves.buffer);
  const exact = f16ToF32(halves);
  const run = async (format: "f32" | "f16") => {
    const tensors = new TestTensors();
    const values = format === "f32" ? exact : packed;
    const weight: Matrix = {
      format,
      rows: outer,
      cols: inner,
      tensors: { weight: tensors.given("weight", values) },
    };
    const y = tensors.output("y", rows * 36);
    const x = tensors.given("x", randoms(rows * inner, 0));
    const [result] = await runOnGpu([linear(rows, { x, weight, y })], tensors, [y]);
    return result;
  };
  expect(await run("f16")).toEqual(await run("f32"));
});

test("a tensor too small for its product is refused before anything is sent", () => {
  const weight: Matrix = {
    format: "f32",
    rows: 8,
    cols: 8,
    tensors: { weight: persistent("weight", 64) },
  };
  expect(() => linear(4, { x: persistent("x", 31), weight, y: persistent("y", 32) })).toThrow(
    "x has 124 bytes, 128 are used",
  );
});
