// Proofs of the narrow products of LoRA: by hand, against tfjs (the backward one as the gradient of
// the forward one), across the boundaries, twice.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, expect, test } from "vitest";
import { viewOf } from "../../../../src/gpu/plan.ts";
import { innerBackward, innerForward } from "../../../../src/kernels/adapter-inner/kernel.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

test("h and u of two linears of rank 1 equal those worked out by hand, each in its columns", async () => {
  const tensors = new TestTensors();
  const values = new Float32Array(64 * 4);
  values.set([1, 1, 1, 1], 0); // A of the first linear, direction 0
  values.set([1, 0, 0, -1], 64); // A of the second
  values.set([10, 0, 0, 0, 100, 0, 0, 0], 128); // B [4, 4] of the first
  values.set([0, 0, 0, 0, 1, 0, 0, 0], 192); // B of the second
  const adapter = tensors.given("adapter", values);
  const at = (place: number) => viewOf(adapter, 64 * place, 16);
  const [h, u] = [tensors.output("h", 16), tensors.output("u", 16)];
  const columns = (tensor: typeof h, member: number) => ({ tensor, width: 8, first: 4 * member });
  const dispatches = [
    innerForward(
      { rows: 2, rank: 4, width: 4 },
      {
        x: tensors.given("x", Float32Array.of(1, 2, 3, 4, 5, 6, 7, 9)),
        members: [
          { a: at(0), h: columns(h, 0) },
          { a: at(1), h: columns(h, 1) },
        ],
      },
    ),
    innerBackward({ rows: 2, rank: 4 }, [
      {
        dy: tensors.given("dy0", Float32Array.of(1, 2, 3, 4, 3, 0, 9, 9)),
        width: 4,
        b: at(2),
        u: columns(u, 0),
      },
      {
        dy: tensors.given("dy1", Float32Array.of(7, 5, 7, 7, 7, 6, 7, 7)),
        width: 4,
        b: at(3),
        u: columns(u, 1),
      },
    ]),
  ];
  const [ofX, ofDy] = await runOnGpu(dispatches, tensors, [h, u]);
  expect([...ofX!]).toEqual([10, 0, 0, 0, -3, 0, 0, 0, 27, 0, 0, 0, -4, 0, 0, 0]);
  expect([...ofDy!]).toEqual([210, 0, 0, 0, 5, 0, 0, 0, 30, 0, 0, 0, 6, 0, 0, 0]);
});

test.each([
  [1, 4, 4, [4]],
  [3, 8, 60, [64]],
  [4, 12, 64, [68, 4]],
  [5, 16, 68, [60, 64]],
  [8, 20, 256, [36, 128, 260]],
  [65, 64, 192, [576, 192, 192]],
  [9, 68, 36, [4, 4, 8]],
])(
  "h and u of %i rows, rank %i, %i features to %o follow tfjs, and the same bits again",
  async (rows, rank, width, outs) => {
    const x = randoms(rows * width, 1);
    const made = outs.map((out, member) => ({
      out,
      a: randoms(rank * width, 10 + member),
      b: randoms(out * rank, 20 + member),
      dy: randoms(rows * out, 30 + member),
    }));
    const expected = made.map(({ out, a, b, dy }) =>
      tf.tidy(() => {
        const input = tf.tensor2d(x, [rows, width]);
        const h = tf.matMul(input, tf.tensor2d(a, [rank, width]), false, true);
        const adapted = (inner: tf.Tensor) =>
          tf.matMul(inner, tf.tensor2d(b, [out, rank]), false, true);
        const u = tf.grad(adapted)(h, tf.tensor2d(dy, [rows, out]));
        return { h: h.dataSync(), u: u.dataSync() };
      }),
    );
    const run = async () => {
      const tensors = new TestTensors();
      const size = (count: number) => Math.ceil(count / 64) * 64;
      const total = made.reduce((sum, { a, b }) => sum + size(a.length) + size(b.length), 0);
      const values = new Float32Array(total).fill(NaN);
      const adapter = tensors.given("adapter", values);
      const stride = rank * made.length;
      const h = tensors.output("h", rows * stride);
      const u = tensors.output("u", rows * stride);
      let offset = 0;
      const place = (matrix: Float32Array) => {
        values.set(matrix, offset);
        const view = viewOf(adapter, offset, matrix.length);
        offset += size(matrix.length);
        return view;
      };
      const members = made.map(({ out, a, b, dy }, member) => {
        const columns = { width: stride, first: member * rank };
        return {
          a: place(a),
          b: place(b),
          dy: tensors.given("dy", dy),
          width: out,
          h: { tensor: h, ...columns },
          u: { tensor: u, ...columns },
        };
      });
      const dispatches = [
        innerForward({ rows, rank, width }, { x: tensors.given("x", x), members }),
        innerBackward({ rows, rank }, members),
      ];
      return await runOnGpu(dispatches, tensors, [h, u]);
    };
    const [h, u] = await run();
    const columnsOf = (all: Float32Array, member: number) =>
      Array.from({ length: rows }, (_, row) => {
        const start = (row * made.length + member) * rank;
        return [...all.subarray(start, start + rank)];
      }).flat();
    expected.forEach((own, member) => {
      expect(distance(columnsOf(h!, member), own.h)).toBeLessThan(2e-6);
      expect(distance(columnsOf(u!, member), own.u)).toBeLessThan(2e-6);
    });
    expect(await run()).toEqual([h, u]);
  },
);
