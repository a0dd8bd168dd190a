// Which rows repeat, contradict or resemble others, and which are left out to mend it.
import { describe, expect, test } from "vitest";
import { looksSwapped } from "../../../src/data/check/roles.ts";
import { RowCheck, type LeavableFault } from "../../../src/data/check/row-check.ts";
import { TokenRows } from "../../../src/data/token-rows.ts";
import { TokenStore, type StorableRow } from "../../../src/data/token-store.ts";
import type { Example } from "../../../src/data/example.ts";

/** A row of a prompt and an answer; tokens before and after the answer are not trained. */
const row = (prompt: number[], answer: number[], given: Partial<StorableRow> = {}) => {
  const tokens = [0, 1, ...prompt, ...answer, 2];
  const isTrained = tokens.map((_, place) => {
    return place >= 2 + prompt.length && place < tokens.length - 1;
  });
  return { tokens, isTrained, fullLength: tokens.length, ...given };
};

/** @param heldOut lines that are held out */
function checkOf(rows: readonly Omit<StorableRow, "line">[], heldOut: number[] = []) {
  const store = new TokenStore();
  rows.forEach((one, index) => {
    store.add({ line: index + 1, ...one });
  });
  const all = new TokenRows(store, Infinity);
  const isHeld = (index: number) => heldOut.includes(all.at(index).line);
  const dataset = {
    train: all.filter((index) => !isHeld(index)),
    heldOut: all.filter(isHeld),
  };
  return (fault: LeavableFault, hasFiles = false) =>
    new RowCheck(dataset, hasFiles).rowsToLeave(fault).map(({ line }) => line);
}

describe("rows that repeat earlier ones", () => {
  const rows = [row([5], [6]), row([5], [7]), row([5], [6]), row([8], [6]), row([5], [6])];

  test("all but the first of equal rows are left out", () => {
    expect(checkOf(rows)("repeated")).toEqual([3, 5]);
  });

  test("a row of several texts is left out only where earlier rows have all of them", () => {
    const parts = (line: number, ...texts: [number[], number[]][]) =>
      texts.map(([prompt, answer]) => row(prompt, answer, { line, source: line - 1 }));
    const chats = [
      ...parts(1, [[5], [6]], [[5, 6], [7]]),
      ...parts(2, [[5], [6]], [[5, 6], [8]]),
      ...parts(3, [[5], [6]], [[5, 6], [7]]),
      ...parts(4, [[9], [6]], [[9], [6]]),
    ];
    expect(checkOf(chats)("repeated")).toEqual([3]);
  });
});

describe("rows on both sides of the split", () => {
  const rows = [row([5], [6]), row([5], [6]), row([7], [6]), row([8], [6]), row([8], [6])];

  test("held-out files stay as they are: their rows are left out of training", () => {
    expect(checkOf(rows, [2, 3])("inBoth", true)).toEqual([1]);
    expect(checkOf([...rows, row([5], [6])], [2, 3])("inBoth", true)).toEqual([1, 6]);
  });

  test("of a split that is drawn anew, the first of equal rows is kept", () => {
    expect(checkOf(rows, [1, 3])("inBoth")).toEqual([2]);
  });

  test("rows that repeat on one side alone are not on both", () => {
    expect(checkOf(rows, [3])("inBoth")).toEqual([]);
    expect(checkOf(rows, [1, 2])("inBoth")).toEqual([]);
  });
});

describe("other answers to one prompt", () => {
  test("rows with another answer than the first are left out, and its repeats are not", () => {
    const rows = [row([5], [6]), row([5], [7]), row([5], [6]), row([5], [8]), row([6], [7])];
    expect(checkOf(rows)("contradictory")).toEqual([2, 4]);
  });

  test("texts, and chats of several answers, contradict nothing", () => {
    const text = (last: number) =>
      row([], [], { tokens: [5, 6, last], isTrained: [1, 1, 1], fullLength: 3 });
    const chat = (last: number) =>
      row([], [], { tokens: [0, 1, 5, 6, 7, last], isTrained: [0, 0, 0, 1, 0, 1], fullLength: 6 });
    expect(checkOf([text(7), text(8), chat(7), chat(8)])("contradictory")).toEqual([]);
  });
});

describe("answers that are all alike", () => {
  const others = (count: number) =>
    Array.from({ length: count }, (_, index) => row([9], [20 + index]));
  const alike = (count: number) =>
    Array.from({ length: count }, (_, index) => row([30 + index], [6]));

  test("as many rows with the answer of nearly all are kept as rows with others", () => {
    const left = checkOf([...alike(20), ...others(2)])("alike");
    expect(left).toEqual(Array.from({ length: 18 }, (_, index) => index + 3));
  });

  test.each([
    ["eight of ten rows", [...alike(8), ...others(2)]],
    ["nine of eleven rows", [...alike(9), ...others(2)]],
    ["five rows of five", alike(5)],
  ])("%s with one answer are no fault", (_, rows) => {
    expect(checkOf(rows)("alike")).toEqual([]);
  });

  test("where every row has the answer, leaving rows out mends nothing", () => {
    expect(checkOf(alike(30))("alike")).toEqual([]);
  });
});

describe("prompt and answer that look swapped", () => {
  const pair = (prompt: string, completion: string): Example => {
    return { kind: "completion", line: 1, file: 0, prompt, completion };
  };
  const times = (count: number, example: Example) => Array<Example>(count).fill(example);

  test.each<[string, boolean, Example[]]>([
    ["answers to questions", false, times(20, pair("Is it open?", "Yes."))],
    ["questions to answers", true, times(20, pair("Yes.", "Is it open?"))],
    ["questions in Japanese", true, times(20, pair("はい。", "開いていますか？"))],
    ["questions with a quotation mark behind", true, times(20, pair("Yes.", '"Is it open?"\n'))],
    ["questions to questions", false, times(20, pair("Ask again: is it open?", "Is it open?"))],
    [
      "questions in some answers",
      false,
      [...times(12, pair("Greet.", "Hello.")), ...times(8, pair("Greet.", "How are you?"))],
    ],
    ["four rows", false, times(4, pair("Yes.", "Is it open?"))],
  ])("%s: %s", (_, isSwapped, examples) => {
    expect(looksSwapped(examples)).toBe(isSwapped);
  });
});
