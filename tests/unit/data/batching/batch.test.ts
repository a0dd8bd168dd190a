// Token rows to what an engine is fed: padded on the right or packed, targets one place ahead,
// nothing learned from padding.
import { describe, expect, test } from "vitest";
import { batchLength, fillBatch, IGNORED } from "../../../../src/data/batching/batch.ts";

const list = (values: Int32Array) => [...values];

test("the rows of a batch are as long as the longest, rounded up to a multiple of eight", () => {
  expect([1, 7, 8, 9, 16, 17, 1000].map(batchLength)).toEqual([8, 8, 8, 16, 16, 24, 1000]);
});

describe("a batch", () => {
  const rows = [
    { tokens: [5, 6, 7, 8], isTrained: [false, false, true, true] },
    { tokens: [9, 10], isTrained: [true, true] },
  ];
  const batch = fillBatch(
    rows.map((row) => [row]),
    3,
    6,
  );

  test("a batch has its tokens row by row, positions from 0, segment 1, and zeros as padding", () => {
    expect(batch).toMatchObject({ rows: 3, length: 6 });
    expect(list(batch.tokens)).toEqual([5, 6, 7, 8, 0, 0, 9, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(list(batch.positions)).toEqual([0, 1, 2, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(list(batch.segments)).toEqual([1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test("a batch has the next trained token as each position's target, and never a row's first token", () => {
    const _ = IGNORED;
    const targets = [_, 7, 8, _, _, _, 10, _, _, _, _, _, _, _, _, _, _, _];
    expect(list(batch.targets)).toEqual(targets);
    expect(batch.supervisedTokens).toBe(3);
  });

  test("the last position of a full row has no target, not even the next row's first token", () => {
    const isTrained = [true, true, true];
    const full = fillBatch(
      [[{ tokens: [1, 2, 3], isTrained }], [{ tokens: [4, 5, 6], isTrained }]],
      2,
      3,
    );
    expect(list(full.targets)).toEqual([2, 3, IGNORED, 5, 6, IGNORED]);
    expect(full.supervisedTokens).toBe(4);
  });

  test("a batch without examples is all padding", () => {
    const empty = fillBatch([], 2, 8);
    expect(list(empty.targets)).toEqual(Array<number>(16).fill(IGNORED));
    expect(list(empty.segments)).toEqual(Array<number>(16).fill(0));
    expect(empty.supervisedTokens).toBe(0);
  });
});

describe("a packed batch", () => {
  const all = (...tokens: number[]) => ({ tokens, isTrained: tokens.map(() => true) });
  const examples = [
    [{ tokens: [5, 6, 7], isTrained: [false, false, true] }, all(8, 9), all(10)],
    [],
    [all(11, 12, 13, 14), all(15, 16, 17)],
  ];
  const batch = fillBatch(examples, 4, 7);

  test("a packed batch has the examples of a row one after another, each a segment with positions from 0", () => {
    const nothing = Array<number>(7).fill(0);
    expect(list(batch.tokens)).toEqual([
      ...[5, 6, 7, 8, 9, 10, 0],
      ...nothing,
      ...[11, 12, 13, 14, 15, 16, 17],
      ...nothing,
    ]);
    expect(list(batch.positions)).toEqual([
      ...[0, 1, 2, 0, 1, 0, 0],
      ...nothing,
      ...[0, 1, 2, 3, 0, 1, 2],
      ...nothing,
    ]);
    expect(list(batch.segments)).toEqual([
      ...[1, 1, 1, 2, 2, 3, 0],
      ...nothing,
      ...[1, 1, 1, 1, 2, 2, 2],
      ...nothing,
    ]);
  });

  test("a packed batch has no target at a segment's last token, though another segment follows", () => {
    const _ = IGNORED;
    const nothing = Array<number>(7).fill(_);
    expect(list(batch.targets)).toEqual([
      ...[_, 7, _, 9, _, _, _],
      ...nothing,
      ...[12, 13, 14, _, 16, 17, _],
      ...nothing,
    ]);
    expect(batch.supervisedTokens).toBe(7);
  });
});

describe("a batch of weighted rows", () => {
  const isTrained = [false, true, true];
  const weighted = (weight: number | null) => ({ tokens: [1, 2, 3], isTrained, weight });

  test("a target counts its row's weight divided by the row's targets", () => {
    const single = { tokens: [4, 5], isTrained: [true, true], weight: 2 };
    const { weights, targets } = fillBatch([[weighted(0.5), single], [weighted(1)]], 2, 6);
    expect([...weights!]).toEqual([0.25, 0.25, 0, 2, 0, 0, 0.5, 0.5, 0, 0, 0, 0]);
    expect([...targets].map((target) => target === IGNORED)).toEqual(
      [...weights!].map((factor) => factor === 0),
    );
  });

  test("a batch of rows without weights has none", () => {
    expect(fillBatch([[weighted(null)]], 1, 8).weights).toBeNull();
    expect(fillBatch([], 1, 8).weights).toBeNull();
  });
});
