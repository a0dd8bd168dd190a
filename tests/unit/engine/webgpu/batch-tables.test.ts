// The tables of a micro-batch by hand: its tokens without padding, packed segments, which rows are
// supervised, and pieces of a prompt.
import { expect, test } from "vitest";
import { IGNORED, type TokenBatch } from "../../../../src/data/batching/batch.ts";
import { BatchTables } from "../../../../src/engine/webgpu/batch-tables.ts";
import { causalRanges, keyRanges } from "../../../../src/kernels/attention/ranges.ts";

const none = IGNORED;
/**
 * Row 0: three tokens and two of another text, one place of padding. Row 1: one text of four. Row
 * 2: nothing.
 */
const batch: TokenBatch = {
  rows: 3,
  length: 6,
  tokens: Int32Array.of(11, 12, 13, 21, 22, 0, 31, 32, 33, 34, 0, 0, 0, 0, 0, 0, 0, 0),
  positions: Int32Array.of(0, 1, 2, 0, 1, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0),
  segments: Int32Array.of(1, 1, 1, 2, 2, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0),
  targets: Int32Array.of(
    ...[none, 13, none, 22, none, none],
    ...[none, 33, 34, none, none, none],
    ...[none, none, none, none, none, none],
  ),
  weights: null,
  supervisedTokens: 4,
};

type Name = Parameters<BatchTables["view"]>[0];

function reader(tables: BatchTables, values: Uint32Array) {
  return (name: Name, count = Infinity) => {
    const { offsetBytes, sizeBytes } = tables.view(name);
    return [...values.subarray(offsetBytes / 4, (offsetBytes + sizeBytes) / 4)].slice(0, count);
  };
}

test("the tables of all rows at once have the batch's tokens end to end, padding last", () => {
  const tables = new BatchTables(18, { span: null });
  const { values, supervisedRows } = tables.fill(batch, 0, 3);
  const table = reader(tables, values);
  const nothing = Array<number>(18).fill(0);
  expect(table("tokens")).toEqual([11, 12, 13, 21, 22, 31, 32, 33, 34, ...nothing.slice(9)]);
  expect(table("positions")).toEqual([0, 1, 2, 0, 1, 0, 1, 2, 3, ...nothing.slice(9)]);
  expect(table("ranges")).toEqual(
    [0, 1, 0, 2, 0, 3, 3, 4, 3, 5].concat([5, 6, 5, 7, 5, 8, 5, 9], nothing),
  );
  expect(table("keyRanges")).toEqual(
    [0, 3, 1, 3, 2, 3, 3, 5, 4, 5].concat([5, 9, 6, 9, 7, 9, 8, 9], nothing),
  );
  expect(supervisedRows).toBe(4);
  expect(table("supervised", 4)).toEqual([1, 3, 6, 7]);
  expect(table("targets", 4)).toEqual([13, 22, 33, 34]);
});

test("the tables of one row count from the first token of its pass", () => {
  const tables = new BatchTables(6, { span: null });
  const { values, supervisedRows } = tables.fill(batch, 1, 1);
  const table = reader(tables, values);
  expect(table("tokens")).toEqual([31, 32, 33, 34, 0, 0]);
  expect(table("ranges")).toEqual([0, 1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 0]);
  expect(table("keyRanges")).toEqual([0, 4, 1, 4, 2, 4, 3, 4, 0, 0, 0, 0]);
  expect(supervisedRows).toBe(2);
  expect(table("supervised")).toEqual([1, 2, 0, 0, 0, 0]);
  expect(table("targets")).toEqual([33, 34, 0, 0, 0, 0]);
});

test("the tables of rows without tokens see and predict nothing", () => {
  const tables = new BatchTables(12, { span: null });
  tables.fill(batch, 0, 2);
  const { values, supervisedRows } = tables.fill(batch, 2, 1);
  expect(supervisedRows).toBe(0);
  expect(values.every((value) => value === 0)).toBe(true);
});

test("the end of a row ends a segment, also where the next row's has the same number", () => {
  const full: TokenBatch = {
    ...{ rows: 2, length: 2, tokens: Int32Array.of(1, 2, 3, 4), weights: null },
    positions: Int32Array.of(0, 1, 0, 1),
    segments: Int32Array.of(1, 1, 1, 1),
    ...{ targets: Int32Array.of(2, none, 4, none), supervisedTokens: 2 },
  };
  const tables = new BatchTables(4, { span: null });
  const table = reader(tables, tables.fill(full, 0, 2).values);
  expect(table("ranges")).toEqual([0, 1, 0, 2, 2, 3, 2, 4]);
  expect(table("keyRanges")).toEqual([0, 2, 1, 2, 2, 4, 3, 4]);
});

test("the tables of a run with dropout have the place of each token among the padded rows", () => {
  const [plain, tables] = [
    new BatchTables(18, { span: null }),
    new BatchTables(18, { span: null, hasDropout: true }),
  ];
  expect(tables.tensor.sizeBytes - plain.tensor.sizeBytes).toBe(256);
  const placesOf = (firstRow: number, rows: number) =>
    reader(tables, tables.fill(batch, firstRow, rows).values)("places");
  expect(placesOf(0, 3).slice(0, 10)).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9, 0]);
  expect(placesOf(1, 1).slice(0, 5)).toEqual([6, 7, 8, 9, 0]);
  expect(() => plain.view("places")).toThrow(/no table places/);
});

test("the ranges of sliding layers with a window of two stay in their segment", () => {
  const tables = new BatchTables(9, { span: 2 });
  const { values } = tables.fill(batch, 0, 2);
  const table = reader(tables, values);
  expect(table("ranges")).toEqual([0, 1, 0, 2, 0, 3, 3, 4, 3, 5].concat([5, 6, 5, 7, 5, 8, 5, 9]));
  expect(table("slidingRanges")).toEqual(
    [0, 1, 0, 2, 1, 3, 3, 4, 3, 5].concat([5, 6, 5, 7, 6, 8, 7, 9]),
  );
  expect(table("slidingKeyRanges")).toEqual(
    [0, 2, 1, 3, 2, 3, 3, 5, 4, 5].concat([5, 7, 6, 8, 7, 9, 8, 9]),
  );
});

test.each([1, 3, 5, 100])(
  "the ranges of sliding layers with a window of %i are those of the attention tests",
  (window) => {
    const tables = new BatchTables(9, { span: window });
    const { values } = tables.fill(batch, 0, 2);
    const expected = causalRanges([3, 2, 4], window);
    const table = reader(tables, values);
    expect(table("slidingRanges")).toEqual([...expected]);
    expect(table("slidingKeyRanges")).toEqual([...keyRanges(expected, 9)]);
  },
);

test("a model without sliding layers has no tables for them", () => {
  const [plain, sliding] = [new BatchTables(70, { span: null }), new BatchTables(70, { span: 8 })];
  expect(sliding.tensor.sizeBytes - plain.tensor.sizeBytes).toBe(2 * 768);
  expect(() => plain.view("slidingRanges")).toThrow(/no table slidingRanges/);
});

test("the tables of a run with weighted rows have the weight of each supervised token, as f32", () => {
  const weights = Float32Array.from({ length: 18 }, (_, at) => (at === 3 ? -3 : at / 4));
  const given = { ...batch, weights };
  const [plain, tables] = [
    new BatchTables(18, { span: null }),
    new BatchTables(18, { span: null, isWeighted: true }),
  ];
  expect(tables.tensor.sizeBytes - plain.tensor.sizeBytes).toBe(256);
  const table = (values: Uint32Array<ArrayBuffer>, count: number) => {
    const { offsetBytes } = tables.view("targetWeights");
    return [...new Float32Array(values.buffer, offsetBytes, count)];
  };
  expect(table(tables.fill(given, 0, 3).values, 5)).toEqual([0.25, -3, 1.75, 2, 0]);
  expect(table(tables.fill(given, 1, 1).values, 3)).toEqual([1.75, 2, 0]);
  expect(table(tables.fill(batch, 0, 3).values, 5)).toEqual([1, 1, 1, 1, 0]);
  expect(tables.targetWeights.targetWeights).toEqual(tables.view("targetWeights"));
  expect(plain.targetWeights).toEqual({});
});

test("the tables of more tokens than planned are refused", () => {
  expect(() => new BatchTables(8, { span: null }).fill(batch, 0, 3)).toThrow(
    "9 tokens do not fit into 8",
  );
});

test("the tables are contiguous in one tensor, each at an offset valid for a binding", () => {
  const tables = new BatchTables(70, { span: null });
  const names: Name[] = ["tokens", "positions", "ranges", "keyRanges", "supervised", "targets"];
  let end = 0;
  for (const name of names) {
    const { tensor, offsetBytes, sizeBytes } = tables.view(name);
    expect(tensor).toBe(tables.tensor);
    expect(offsetBytes % 256).toBe(0);
    expect(offsetBytes).toBeGreaterThanOrEqual(end);
    expect(sizeBytes).toBe(70 * 4 * (name.toLowerCase().includes("ranges") ? 2 : 1));
    end = offsetBytes + sizeBytes;
  }
  expect(end).toBeLessThanOrEqual(tables.tensor.sizeBytes);
});

test("a prompt's piece lets each token see all before it and stores padding past the caches", () => {
  const tables = new BatchTables(4, { span: null });
  const table = reader(tables, tables.fillPiece([7, 8, 9], 5, 20));
  expect(table("tokens")).toEqual([7, 8, 9, 0]);
  expect(table("positions")).toEqual([5, 6, 7, 20]);
  expect(table("ranges")).toEqual([0, 6, 0, 7, 0, 8, 0, 0]);
  expect(table("supervised")).toEqual([2, 0, 0, 0]);
});

test("a token of a prompt's piece sees the last three in sliding layers", () => {
  const tables = new BatchTables(4, { span: 3 });
  const table = reader(tables, tables.fillPiece([7, 8, 9], 1, 20));
  expect(table("ranges")).toEqual([0, 2, 0, 3, 0, 4, 0, 0]);
  expect(table("slidingRanges")).toEqual([0, 2, 0, 3, 1, 4, 0, 0]);
});

test("the tables of a single token overwrite those of the piece before it", () => {
  const tables = new BatchTables(1, { span: null });
  tables.fillPiece([7], 5, 20);
  const table = reader(tables, tables.fillPiece([9], 0, 20));
  expect(table("tokens")).toEqual([9]);
  expect(table("positions")).toEqual([0]);
  expect(table("ranges")).toEqual([0, 1]);
  expect(table("supervised")).toEqual([0]);
});
