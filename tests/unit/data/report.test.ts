// What is said of all rows: lengths, rows cut and left out, and rows that repeat others.
import { describe, expect, test } from "vitest";
import { splitDataset } from "../../../src/data/dataset.ts";
import { reportOf } from "../../../src/data/report.ts";
import { PromptForms } from "../../../src/data/prompt-form.ts";
import { RowGroups } from "../../../src/data/row-groups.ts";
import { TokenStore } from "../../../src/data/token-store.ts";
import { uniforms } from "../../../src/util/random.ts";

const options = { shuffle: false, packing: false, heldOutRows: 0, seed: 1 };

/** A report on rows of these tokens, of which all but the first are trained. */
function reportOn(
  rows: readonly number[][],
  maxLength = 100,
  heldOutFrom: number | null = null,
  drawn: Partial<typeof options> = {},
) {
  const store = new TokenStore();
  rows.forEach((tokens, index) => {
    const isTrained = tokens.map((_, place) => place > 1);
    store.add({ line: index + 1, tokens, isTrained, fullLength: tokens.length });
  });
  const tokenized = {
    store,
    left: new RowGroups(),
    notices: new RowGroups(),
    promptForms: new PromptForms(),
  };
  tokenized.left.add("refused", { line: 99, file: 0 }, "the template refuses it");
  const dataset = splitDataset(tokenized, { ...options, ...drawn, maxLength }, { heldOutFrom });
  return reportOf(tokenized, dataset, maxLength);
}

const linesOf = ({ rows }: { rows: { line: number }[] }) => rows.map(({ line }) => line);
const row = (...tokens: number[]) => [0, 0, ...tokens];

describe("the lengths of the rows", () => {
  test("lengths are counted before the cut", () => {
    const { lengths } = reportOn([row(1), row(1, 2), row(3, 4)], 3);
    expect(lengths).toEqual({ binTokens: 1, counts: [0, 0, 0, 1, 2], longest: 4 });
  });

  test("lengths of long rows are counted in at most 48 groups", () => {
    const long = Array.from({ length: 1000 }, () => 7);
    const { binTokens, counts } = reportOn([row(1), long]).lengths;
    expect(counts.length).toBeLessThanOrEqual(48);
    expect(counts[0]).toBe(1);
    expect(counts[Math.floor(1000 / binTokens)]).toBe(1);
    expect(counts.reduce((sum, count) => sum + count)).toBe(2);
  });
});

test("rows that are cut and rows that are left out are listed, each with its reason", () => {
  const report = reportOn([row(1), row(1, 2, 3), [0, 0, 0, 0], [5]], 3);
  expect(linesOf(report.cut)).toEqual([2, 3]);
  expect(report.left).toMatchObject([
    { name: "refused", count: 1, rows: [{ line: 99, words: "the template refuses it" }] },
    { name: "mask", count: 1, rows: [{ line: 4 }] },
  ]);
});

describe("rows that repeat others", () => {
  test("a row with the tokens of one before it is listed, and one of another length is not", () => {
    const { repeated, inBoth } = reportOn([row(1, 2), row(1), row(1, 2), row(2, 1), row(1, 2)]);
    expect(linesOf(repeated)).toEqual([3, 5]);
    expect(inBoth).toEqual({ count: 0, rows: [] });
  });

  test("a held-out row that is trained too is listed, and one that only repeats a held-out row is not", () => {
    const rows = [row(1), row(2), row(3), row(2), row(3), row(3), row(4), row(4)];
    const { repeated, inBoth } = reportOn(rows, 100, 5);
    expect(linesOf(repeated)).toEqual([4, 5, 6, 8]);
    expect(linesOf(inBoth)).toEqual([6]);
  });

  test("windows of one text are on the side that each is drawn for", () => {
    const windows = [row(1), row(2), row(3), row(4), row(5), row(1)].map((tokens) => ({
      ...{ line: 1, source: 0, isApart: true, tokens, fullLength: tokens.length },
      isTrained: tokens.map(() => true),
    }));
    const store = new TokenStore();
    windows.forEach((window) => {
      store.add(window);
    });
    const lists = { left: new RowGroups(), notices: new RowGroups() };
    const tokenized = { store, ...lists, promptForms: new PromptForms() };
    const dataset = splitDataset(tokenized, { ...options, maxLength: 9, heldOutRows: 1 });
    const { repeated, inBoth } = reportOf(tokenized, dataset, 9);
    expect([dataset.heldOut.length, repeated.count, inBoth.count]).toEqual([1, 1, 1]);
  });

  test("the later of two lines repeats the earlier one, however rows are drawn", () => {
    const rows = Array.from({ length: 40 }, (_, index) => row(index % 30));
    for (let seed = 1; seed <= 20; seed++) {
      const drawn = { shuffle: true, heldOutRows: 4, seed };
      const { repeated, inBoth } = reportOn(rows, 100, null, drawn);
      expect(linesOf(repeated)).toEqual([31, 32, 33, 34, 35, 36, 37, 38, 39, 40]);
      expect(linesOf(inBoth)).toEqual(linesOf(inBoth).toSorted((a, b) => a - b));
    }
  });

  test("of 20,000 random rows exactly the repeated ones are found, and 1000 are listed", () => {
    const draws = uniforms(3, 1, 40_000);
    const rows = Array.from({ length: 20_000 }, (_, index) =>
      row(Math.floor(draws[2 * index]! * 100), Math.floor(draws[2 * index + 1]! * 50)),
    );
    const seen = new Set<string>();
    const expected = rows.flatMap((tokens, index) => {
      const isNew = !seen.has(tokens.join());
      seen.add(tokens.join());
      return isNew ? [] : [index + 1];
    });
    const { repeated } = reportOn(rows);
    expect(repeated.count).toBe(expected.length);
    expect(linesOf(repeated)).toEqual(expected.slice(0, 1000));
  });
});
