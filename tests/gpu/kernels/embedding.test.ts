// Proofs of the embedding: by hand, against tf.gather, in f32 and f16, whole and in parts, across the workgroup's boundaries.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, expect, test } from "vitest";
import type { Tensor } from "../../../src/gpu/plan.ts";
import { embedding } from "../../../src/kernels/embedding/kernel.ts";
import type { StoredWeight } from "../../../src/kernels/weight-format/format.ts";
import { randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

function f32Table(weight: Tensor, rows: number, cols: number): StoredWeight {
  return { format: "f32", rows, cols, tensors: { weight } };
}

/** Two halves a word, for numbers that are multiples of 1/8 below 2 and so exact in f16. */
function halves(values: Float32Array): Uint32Array<ArrayBuffer> {
  const bits = values.map((value) => {
    if (value === 0) {
      return 0;
    }
    const exponent = Math.floor(Math.log2(Math.abs(value)));
    const fraction = (Math.abs(value) / 2 ** exponent - 1) * 1024;
    return (value < 0 ? 0x8000 : 0) + ((exponent + 15) << 10) + fraction;
  });
  return Uint32Array.from(
    { length: values.length / 2 },
    (_, i) => bits[2 * i]! + bits[2 * i + 1]! * 65536,
  );
}

test("by hand: rows 2, 0 and 2 of three", async () => {
  const tensors = new TestTensors();
  const weight = tensors.given("table", Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
  const tokens = tensors.given("tokens", Uint32Array.of(2, 0, 2));
  const x = tensors.output("x", 12);
  const run = embedding({ rows: 3 }, { table: f32Table(weight, 3, 4), tokens, x });
  const [result] = await runOnGpu([run], tensors, [x]);
  expect([...result!]).toEqual([9, 10, 11, 12, 1, 2, 3, 4, 9, 10, 11, 12]);
});

const shapes = [
  [1, 4, 1],
  [63, 4, 7],
  [64, 4, 7],
  [65, 4, 7],
  [3, 252, 300],
  [3, 260, 300],
  [37, 576, 1000],
] as const;

test.each(shapes.flatMap((shape) => [["f32", ...shape] as const, ["f16", ...shape] as const]))(
  "%s, %i rows of %i from a table of %i: exactly tf.gather",
  async (format, rows, cols, vocabulary) => {
    const values = randoms(vocabulary * cols, 1).map((value) => Math.round(8 * value) / 8);
    const tokens = Int32Array.from(randoms(rows, 2), (value) =>
      Math.floor(((value + 1) / 2) * vocabulary),
    );
    const expected = tf.tidy(() =>
      tf.gather(tf.tensor2d(values, [vocabulary, cols]), tf.tensor1d(tokens, "int32")).dataSync(),
    );
    const tensors = new TestTensors();
    const weight = tensors.given("table", format === "f32" ? values : halves(values));
    const x = tensors.output("x", rows * cols);
    const run = embedding(
      { rows },
      {
        table: { format, rows: vocabulary, cols, tensors: { weight } },
        tokens: tensors.given("tokens", tokens),
        x,
      },
    );
    const [result] = await runOnGpu([run], tensors, [x]);
    expect(result!.every((value, i) => value === expected[i])).toBe(true);
  },
);

test("a table in three parts gives what the whole gives, each part its own tokens only", async () => {
  const cols = 8;
  const values = randoms(10 * cols, 1);
  const tokens = Uint32Array.of(9, 0, 3, 4, 2, 7, 6);
  const tensors = new TestTensors();
  const given = { tokens: tensors.given("tokens", tokens) };
  const x = tensors.output("x", tokens.length * cols);
  const some = tensors.output("some", tokens.length * cols);
  const partOf = (from: number, to: number) =>
    f32Table(tensors.given(`rows ${from}`, values.slice(from * cols, to * cols)), to - from, cols);
  const rows = tokens.length;
  const middle = partOf(3, 7);
  const [result, partial] = await runOnGpu(
    [
      embedding({ rows }, { ...given, table: partOf(0, 3), x }),
      embedding({ rows, firstTableRow: 3 }, { ...given, table: middle, x }),
      embedding({ rows, firstTableRow: 7 }, { ...given, table: partOf(7, 10), x }),
      embedding({ rows, firstTableRow: 3 }, { ...given, table: middle, x: some }),
    ],
    tensors,
    [x, some],
  );
  tokens.forEach((token, row) => {
    const expected = values.subarray(token * cols, (token + 1) * cols);
    const untouched = new Float32Array(cols).fill(NaN);
    expect(result!.subarray(row * cols, (row + 1) * cols)).toEqual(expected);
    expect(partial!.subarray(row * cols, (row + 1) * cols)).toEqual(
      token >= 3 && token < 7 ? expected : untouched,
    );
  });
});
