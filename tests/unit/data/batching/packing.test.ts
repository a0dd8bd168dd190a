// Examples into the rows of a micro-batch: the first row with room, in the order given, up to the
// first that has none.
import { expect, test } from "vitest";
import { packRows } from "../../../../src/data/batching/packing.ts";

/** Examples of these lengths, packed; each is told by its place in the order. */
function packed(lengths: number[], start: number, rowCount: number, length: number) {
  const order = { length: lengths.length, tokensOf: (index: number) => lengths[index]! };
  return packRows(order, start, rowCount, length);
}

test("packing places an example in the first row with enough free tokens, and closes no other row", () => {
  // 6 and 5 open a row each; 4 fills the first, 3 goes to the second, and 2 still fits behind it.
  expect(packed([6, 5, 4, 3, 2], 0, 2, 10)).toEqual({
    rows: [
      [0, 2],
      [1, 3, 4],
    ],
    end: 5,
  });
});

test("a packed micro-batch ends at the first example that fits no row, even if later ones fit", () => {
  expect(packed([6, 6, 5, 1], 0, 2, 10)).toEqual({ rows: [[0], [1]], end: 2 });
  expect(packed([6, 6, 5, 1], 2, 2, 10)).toEqual({ rows: [[2, 3], []], end: 4 });
});

test("packing may fill a row to its last token", () => {
  expect(packed([4, 4, 8, 1], 0, 2, 8)).toEqual({ rows: [[0, 1], [2]], end: 3 });
});

test("packing at the end of the order gives empty rows", () => {
  expect(packed([3], 1, 2, 8)).toEqual({ rows: [[], []], end: 1 });
});

test("packing an example that is longer than a row throws", () => {
  expect(() => packed([3, 9], 1, 2, 8)).toThrow(/No row of 8 tokens/);
});
