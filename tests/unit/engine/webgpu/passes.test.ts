// How a micro-batch is cut into passes, on both sides of every boundary, and what a pass computes
// beside its tokens.
import { describe, expect, test } from "vitest";
import { fillBatch } from "../../../../src/data/batching/batch.ts";
import { packPasses, passesOf, passTokens } from "../../../../src/engine/webgpu/passes.ts";

const most = 3904;

test.each([
  [0, 64],
  [1, 64],
  [64, 64],
  [65, 128],
  [512, 512],
  [513, 576],
  [1024, 1024],
  [1025, 1152],
  [1152, 1152],
  [1153, 1280],
  [2048, 2048],
  [2049, 2304],
  [3840, 3840],
  [3841, 3904],
  [3904, 3904],
])("a pass of %i tokens of at most 3,904 computes %i", (tokens, computed) => {
  expect(passTokens(tokens, most)).toBe(computed);
});

test("a pass computes no more than planned, however short the longest is", () => {
  expect([1, 39, 40].map((tokens) => passTokens(tokens, 40))).toEqual([40, 40, 40]);
  expect([64, 65, 72].map((tokens) => passTokens(tokens, 72))).toEqual([64, 72, 72]);
});

test("a pass holds its tokens, computes less than a tile or an eighth more, and has few lengths", () => {
  const counts = Array.from({ length: 16384 }, (_, index) => index + 1);
  const wrong = counts.filter((tokens) => {
    const computed = passTokens(tokens, 16384);
    const isClose = computed >= tokens && computed - tokens < Math.max(64, tokens / 8);
    return !isClose || computed % 64 !== 0 || passTokens(computed, 16384) !== computed;
  });
  expect(wrong).toEqual([]);
  expect(new Set(counts.map((tokens) => passTokens(tokens, 16384))).size).toBe(8 + 5 * 8);
});

describe("rows cut into passes", () => {
  test("rows go together in order, as many as fit to the token", () => {
    expect(packPasses([3, 4, 3, 5, 5, 1], 10)).toEqual([
      { firstRow: 0, rows: 3, tokens: 10 },
      { firstRow: 3, rows: 2, tokens: 10 },
      { firstRow: 5, rows: 1, tokens: 1 },
    ]);
    expect(packPasses([3, 4, 4], 10)).toEqual([
      { firstRow: 0, rows: 2, tokens: 7 },
      { firstRow: 2, rows: 1, tokens: 4 },
    ]);
  });

  test("a batch without rows still makes one pass, which sets the loss to zero", () => {
    expect(packPasses([], 10)).toEqual([{ firstRow: 0, rows: 0, tokens: 0 }]);
  });

  test("a row longer than the longest pass is refused", () => {
    expect(() => packPasses([3, 11], 10)).toThrow("a row of 11 tokens, planned for 10");
  });

  test("padding and rows that are missing take no place in a pass", () => {
    const row = (count: number) => ({
      tokens: Array.from({ length: count }, () => 7),
      isTrained: Array.from({ length: count }, () => 1),
    });
    const batch = fillBatch([[row(3), row(2)], [row(8)], [row(1)]], 5, 8);
    expect(passesOf(batch, 40)).toEqual([{ firstRow: 0, rows: 5, tokens: 14 }]);
    expect(passesOf(batch, 8)).toEqual([
      { firstRow: 0, rows: 1, tokens: 5 },
      { firstRow: 1, rows: 1, tokens: 8 },
      { firstRow: 2, rows: 3, tokens: 1 },
    ]);
  });
});
