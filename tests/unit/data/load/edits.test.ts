// Rows left out, written otherwise and brought back, and the rows as files to download.
import { describe, expect, test } from "vitest";
import type { RowEdit } from "../../../../src/data/load/edits.ts";
import { pickRows } from "../../../../src/data/load/pick-rows.ts";
import { writeBadRows, writeUsableRows } from "../../../../src/data/load/write-jsonl.ts";
import { sha256Hex } from "../../../../src/util/bytes.ts";
import { examplesOf, jsonl, openTexts, pairs } from "./support.ts";

const broken = "{oops\n";
const file = { "own.jsonl": jsonl(...pairs(20)) + broken + jsonl(...pairs(2, 21)) };
const linesOf = async (edits: RowEdit[]) =>
  (await examplesOf(await openTexts(file, { edits }))).map(({ line }) => line);
const all = Array.from({ length: 23 }, (_, index) => index + 1).filter((line) => line !== 21);

describe("an edit", () => {
  test("an edit leaves a row out, and without the edit the row is back", async () => {
    expect(await linesOf([{ file: 0, line: 5, row: null }])).toEqual(
      all.filter((line) => line !== 5),
    );
    expect(await linesOf([])).toEqual(all);
  });

  test("an edit writes a row otherwise, in its place", async () => {
    const row = { prompt: "New ", completion: "text" };
    const set = await openTexts(file, { edits: [{ file: 0, line: 5, row }] });
    const examples = await examplesOf(set);
    expect(examples.map(({ line }) => line)).toEqual(all);
    expect(examples[4]).toMatchObject(row);
  });

  test("an edit makes a row of a line that was none, and may spoil one", async () => {
    const mended = { file: 0, line: 21, row: pairs(1)[0]! };
    expect(await linesOf([mended])).toEqual([...all, 21].sort((a, b) => a - b));
    const set = await openTexts(file, { edits: [{ file: 0, line: 2, row: { prompt: "Q" } }] });
    expect(set.facts.survey.badRows.first.map(({ line }) => line)).toEqual([2, 21]);
  });

  test("the last edit of a row counts", async () => {
    const edits = [
      { file: 0, line: 1, row: null },
      { file: 0, line: 1, row: { prompt: "a", completion: "b" } },
    ];
    expect(await linesOf(edits)).toEqual(all);
  });
});

describe("rows as a file", () => {
  test("the usable rows are written with their edits, and load as the same examples", async () => {
    const edits = [
      { file: 0, line: 1, row: null },
      { file: 0, line: 2, row: { completion: "é \u2028", prompt: "\n" } },
    ];
    const set = await openTexts(file, { edits });
    const { blob, sha256, rows } = await writeUsableRows(set);
    expect(rows).toBe(21);
    expect(sha256).toBe(await sha256Hex(new Uint8Array(await blob.arrayBuffer())));
    const again = await openTexts({ "again.jsonl": await blob.text() });
    const withoutPlace = (examples: Awaited<ReturnType<typeof examplesOf>>) =>
      examples.map((example) => ({ ...example, line: 0 }));
    expect(withoutPlace(await examplesOf(again))).toEqual(withoutPlace(await examplesOf(set)));
  });

  test("numbers of 64 bits are written as digits", async () => {
    const set = await openTexts(file);
    const row = { prompt: "a", completion: "b", small: 12n, large: 2n ** 60n };
    const edited = await openTexts(file, { edits: [{ file: 0, line: 1, row }] });
    expect(set.usableRows).toBe(edited.usableRows);
    const [first = ""] = (await (await writeUsableRows(edited)).blob.text()).split("\n");
    expect(JSON.parse(first)).toMatchObject({ small: 12, large: "1152921504606846976" });
  });

  test("the bad rows are written with file, line, reason and beginning", async () => {
    const { blob, rows } = await writeBadRows(await openTexts(file));
    expect(rows).toBe(1);
    expect(JSON.parse(await blob.text())).toEqual({
      file: "own.jsonl",
      line: 21,
      reason: expect.stringContaining("JSON") as string,
      text: "{oops",
    });
  });
});

describe("rows picked out", () => {
  const picked = async (from: number, count: number, search = "") => {
    const { rows, next } = await pickRows(await openTexts(file), { from, count, search });
    return { numbers: rows.map(({ number }) => number), next };
  };

  test("rows are picked by number, bad ones too", async () => {
    expect(await picked(20, 2)).toEqual({ numbers: [20, 21], next: 22 });
    expect(await picked(22, 5)).toEqual({ numbers: [22, 23], next: null });
    expect(await picked(24, 5)).toEqual({ numbers: [], next: null });
  });

  test("rows are picked by a text, capital letters or not, and the search goes on from `next`", async () => {
    expect(await picked(1, 2, "q1")).toEqual({ numbers: [1, 10], next: 11 });
    expect(await picked(11, 20, "q1")).toEqual({
      numbers: [11, 12, 13, 14, 15, 16, 17, 18, 19],
      next: null,
    });
    expect(await picked(1, 5, "oops")).toEqual({ numbers: [21], next: null });
    expect(await picked(1, 5, '"')).toEqual({ numbers: [], next: null });
  });
});
