// Proofs of the embedding: by hand, against tf.gather, in every format, whole and in parts, across
// the workgroup's boundaries.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, expect, test } from "vitest";
import { embedding } from "../../../src/kernels/embedding/kernel.ts";
import type { StoredWeight } from "../../../src/kernels/weight-format/format.ts";
import { decodeWeight } from "../../../src/model/weight-format/decode.ts";
import { WeightEncoder } from "../../../src/model/weight-format/encode.ts";
import type { WeightShape } from "../../../src/model/weight-format/format.ts";
import { distance, randoms, runOnGpu, TestTensors } from "../../support/kernels.ts";

beforeAll(async () => {
  await tf.setBackend("cpu");
});

/** A table on the device, and the values that a reader of its format must see. */
function stored(tensors: TestTensors, shape: WeightShape, values: Float32Array<ArrayBuffer>) {
  const encoder = new WeightEncoder("table", shape);
  const parts = [...encoder.rows(values), ...encoder.finish()];
  const bytes = parts.map(({ binding, values }) => [binding, values.buffer] as const);
  const held = parts.map(
    ({ binding, values }) => [binding, tensors.given(binding, values)] as const,
  );
  const table: StoredWeight = { ...shape, tensors: Object.fromEntries(held) };
  return { table, decoded: decodeWeight(shape, Object.fromEntries(bytes)) };
}

test("the embedding of tokens 2, 0 and 2 has rows 2, 0 and 2 of the table", async () => {
  const tensors = new TestTensors();
  const values = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
  const { table } = stored(tensors, { format: "f32", rows: 3, cols: 4 }, values);
  const tokens = tensors.given("tokens", Uint32Array.of(2, 0, 2));
  const x = tensors.output("x", 12);
  const run = embedding({ rows: 3 }, { table, tokens, x });
  const [result] = await runOnGpu([run], tensors, [x]);
  expect([...result!]).toEqual([9, 10, 11, 12, 1, 2, 3, 4, 9, 10, 11, 12]);
});

const shapes: [rows: number, table: WeightShape][] = [
  ...(["f32", "f16"] as const).flatMap((format): [number, WeightShape][] => [
    [1, { format, rows: 1, cols: 4 }],
    [63, { format, rows: 7, cols: 4 }],
    [64, { format, rows: 7, cols: 4 }],
    [65, { format, rows: 7, cols: 4 }],
    [3, { format, rows: 300, cols: 252 }],
    [3, { format, rows: 300, cols: 260 }],
    [37, { format, rows: 1000, cols: 576 }],
  ]),
  [9, { format: "q8", rows: 50, cols: 96, groupSize: 32 }],
  [9, { format: "q4", rows: 50, cols: 96, groupSize: 32 }],
  [37, { format: "q4", rows: 1000, cols: 576, groupSize: 64 }],
  [5, { format: "q4", rows: 50, cols: 256, groupSize: 128 }],
  [37, { format: "nf4", rows: 1000, cols: 576 }],
];

test.each(shapes)(
  "the embedding of %i rows from %o follows tf.gather of the decoded table",
  async (rows, shape) => {
    const tensors = new TestTensors();
    const { table, decoded } = stored(tensors, shape, randoms(shape.rows * shape.cols, 1));
    const tokens = Int32Array.from(randoms(rows, 2), (value) =>
      Math.floor(((value + 1) / 2) * shape.rows),
    );
    const expected = tf.tidy(() =>
      tf
        .gather(tf.tensor2d(decoded, [shape.rows, shape.cols]), tf.tensor1d(tokens, "int32"))
        .dataSync(),
    );
    const x = tensors.output("x", rows * shape.cols);
    const run = embedding({ rows }, { table, tokens: tensors.given("tokens", tokens), x });
    const [result] = await runOnGpu([run], tensors, [x]);
    const isExact = shape.format === "f32" || shape.format === "f16";
    // Scales and biases leave room for a fused or reordered sum.
    expect(distance(result!, expected)).toBeLessThanOrEqual(isExact ? 0 : 1e-6);
  },
);

test("embeddings are multiplied by the scale, and each product is rounded once", async () => {
  const tensors = new TestTensors();
  const values = randoms(7 * 68, 1);
  const { table } = stored(tensors, { format: "f32", rows: 7, cols: 68 }, values);
  const scale = Math.fround(Math.sqrt(68));
  const x = tensors.output("x", 2 * 68);
  const tokens = tensors.given("tokens", Uint32Array.of(6, 3));
  const [result] = await runOnGpu([embedding({ rows: 2, scale }, { table, tokens, x })], tensors, [
    x,
  ]);
  const expected = [...values.subarray(6 * 68), ...values.subarray(3 * 68, 4 * 68)];
  expect([...result!]).toEqual(expected.map((value) => Math.fround(value * scale)));
});

test("an embedding table in three parts gives the rows of the whole table", async () => {
  const cols = 8;
  const values = randoms(10 * cols, 1);
  const tokens = Uint32Array.of(9, 0, 3, 4, 2, 7, 6);
  const tensors = new TestTensors();
  const given = { tokens: tensors.given("tokens", tokens) };
  const x = tensors.output("x", tokens.length * cols);
  const some = tensors.output("some", tokens.length * cols);
  const partOf = (from: number, to: number) => {
    const shape = { format: "f32" as const, rows: to - from, cols };
    return stored(tensors, shape, values.slice(from * cols, to * cols)).table;
  };
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
