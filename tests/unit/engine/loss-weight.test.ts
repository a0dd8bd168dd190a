// What the loss of a step is divided by: trained tokens, or the sum of the rows' |weights|.
import { expect, test } from "vitest";
import { fillBatch } from "../../../src/data/batching/batch.ts";
import { lossWeightOf } from "../../../src/engine/loss-weight.ts";

/** A row with one target less than tokens. */
const row = (tokens: number, weight: number | null) => ({
  tokens: Array.from({ length: tokens }, (_, place) => place),
  isTrained: Array.from({ length: tokens }, () => true),
  weight,
});
const batchOf = (...rows: ReturnType<typeof row>[]) =>
  fillBatch(
    rows.map((each) => [each]),
    3,
    8,
  );

test("the loss weight of rows without weights is the count of trained tokens in all micro-batches", () => {
  expect(lossWeightOf([batchOf(row(8, null), row(3, null)), batchOf(row(2, null))])).toBe(10);
});

test("the loss weight of weighted rows is the sum of |w|, whatever the rows' lengths", () => {
  const batches = [batchOf(row(8, 2), row(2, -0.5)), batchOf(row(5, 0.25), row(3, 0))];
  expect(lossWeightOf(batches)).toBeCloseTo(2.75, 6);
});

test("the loss weight of rows that all weigh 0, or of nothing trained, is 1: their loss is 0", () => {
  expect(lossWeightOf([batchOf(row(8, 0), row(3, 0))])).toBe(1);
  expect(lossWeightOf([batchOf(row(1, null))])).toBe(1);
});
