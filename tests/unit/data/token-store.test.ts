// Rows into typed arrays and back: nothing changes on the way, whatever the length of a row and the
// number of rows.
import { describe, expect, test } from "vitest";
import { TokenRows } from "../../../src/data/token-rows.ts";
import { refuseTooMuch, TokenStore, type StorableRow } from "../../../src/data/token-store.ts";
import { toPlain } from "../../../src/util/errors.ts";
import { uniforms } from "../../../src/util/random.ts";

const uncut = 2 ** 30;

function madeUp(line: number, length: number): StorableRow {
  const draws = uniforms(7, line, length);
  return {
    line,
    file: line % 3,
    source: line - 1,
    tokens: Array.from(draws, (draw) => Math.floor(draw * 150_000)),
    isTrained: Array.from(draws, (draw) => draw > 0.4),
    fullLength: length + (line % 2),
  };
}

function storeOf(rows: readonly StorableRow[]): TokenStore {
  const store = new TokenStore();
  for (const row of rows) {
    store.add(row);
  }
  return store;
}

const plain = ({ tokens, isTrained, ...row }: StorableRow) => ({
  ...row,
  tokens: Array.from(tokens).join(),
  isTrained: Array.from(isTrained, Number).join(),
});

describe("a token store", () => {
  test("a store returns every row as it was added, also one longer than a chunk", () => {
    const lengths = [3, 0, 1, 300_000, 7, 200_000, 100_000, 12];
    const rows = lengths.map((length, index) => madeUp(index + 1, length));
    const store = storeOf(rows);
    const read = Array.from(new TokenRows(store, uncut), ({ weight, ...row }) => {
      expect(weight).toBeNull();
      return plain(row);
    });
    expect(read).toEqual(rows.map(plain));
    rows.forEach((row, index) => {
      const targets = Array.from(row.isTrained, Number).slice(1);
      expect(store.trainedOf(index, uncut)).toBe(targets.reduce((sum, one) => sum + one, 0));
    });
  });

  test("a store of many short rows takes five bytes a token and 36 a row, within a fifth of that", () => {
    const store = new TokenStore();
    for (let line = 1; line <= 100_000; line++) {
      store.add({ line, tokens: [1, 2, 3, 4], isTrained: [0, 0, 1, 1], fullLength: 4 });
    }
    expect(store).toHaveLength(100_000);
    expect(store.row(99_999, uncut)).toMatchObject({ line: 100_000, file: 0, fullLength: 4 });
    expect(store.sizeBytes).toBeLessThan(1.2 * 100_000 * (4 * 5 + 36));
  });

  test("a cut row has its first tokens, and its trained tokens are those that are left", () => {
    const row = madeUp(2, 50);
    const store = storeOf([row]);
    for (let maxLength = 1; maxLength <= 51; maxLength++) {
      const cut = store.row(0, maxLength);
      expect([...cut.tokens]).toEqual(Array.from(row.tokens).slice(0, maxLength));
      expect(cut.isTrained).toHaveLength(store.lengthOf(0, maxLength));
      expect(cut.fullLength).toBe(50);
      const targets = Array.from(row.isTrained).slice(1, maxLength).filter(Boolean);
      expect(store.trainedOf(0, maxLength)).toBe(targets.length);
    }
  });

  test("the first token of a row is never counted as trained: nothing predicts it", () => {
    const counted = (isTrained: number[]) =>
      storeOf([{ line: 1, tokens: isTrained, isTrained, fullLength: 3 }]).trainedOf(0, uncut);
    expect(counted([1, 1, 0, 1])).toBe(2);
    expect(counted([1])).toBe(0);
    expect(counted([])).toBe(0);
  });

  test("rows without a weight count 1 where another row has one, whichever comes first", () => {
    const rows: StorableRow[] = Array.from({ length: 9000 }, (_, index) => madeUp(index + 1, 2));
    rows[5000] = { ...madeUp(5001, 2), weight: 0.25 };
    const weights = Array.from(new TokenRows(storeOf(rows), uncut), ({ weight }) => weight);
    expect(weights).toEqual(rows.map(({ weight = 1 }) => weight));
  });
});

describe("the memory of a tab, 1.5 GB for 100 bytes a row and five a token,", () => {
  const refusal = (rows: number, tokens?: number) => {
    try {
      refuseTooMuch(rows, tokens);
      return null;
    } catch (error) {
      return toPlain(error);
    }
  };

  test("holds fifteen million rows, and one more is refused before a token is made", () => {
    expect(refusal(15_000_000)).toBeNull();
    expect(refusal(15_000_001)).toEqual({
      code: "too-long",
      message:
        "The data have 15,000,001 rows, which take 1.50 GB of memory; a tab has 1.50 GB for them.",
      remedy: "Choose a part of the data.",
    });
  });

  test("holds a million rows with 280 million tokens, and no token more", () => {
    expect(refusal(1_000_000, 280_000_000)).toBeNull();
    expect(refusal(1_000_000, 280_000_001)?.message).toContain(
      "1,000,000 rows and 280,000,001 tokens or more",
    );
  });
});

test("rows in an order are picked, sliced and filtered by their index in that order", () => {
  const store = storeOf([1, 2, 3, 4, 5].map((line) => madeUp(line, line)));
  const rows = new TokenRows(store, 4);
  const linesOf = (some: TokenRows) => Array.from(some, ({ line }) => line);
  const picked = rows.pick(Uint32Array.of(4, 0, 2));
  expect(linesOf(picked)).toEqual([5, 1, 3]);
  expect([0, 1, 2].map((index) => picked.tokensOf(index))).toEqual([4, 1, 3]);
  expect(picked.isCut(0)).toBe(true);
  expect(linesOf(picked.slice(1))).toEqual([1, 3]);
  expect(linesOf(picked.slice(0, -1))).toEqual([5, 1]);
  expect(linesOf(picked.filter((index) => picked.tokensOf(index) > 1))).toEqual([5, 3]);
  expect(picked.at(2).line).toBe(3);
});
