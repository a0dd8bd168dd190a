// Examples to a data set: what is held out, cut, dropped and counted, and the order of each epoch.
import { beforeAll, describe, expect, test } from "vitest";
import { buildDataset, epochOrder, type DatasetOptions } from "../../../src/data/dataset.ts";
import type { Example } from "../../../src/data/rows.ts";
import type { TokenizedExample } from "../../../src/data/tokenize.ts";
import type { ModelTokenizer } from "../../../src/model/tokenizer.ts";
import { openTokenizer } from "./tokenizers.ts";

const options: DatasetOptions = {
  maxLength: 64,
  completionOnly: true,
  shuffle: false,
  packing: false,
  heldOutRows: 0,
  seed: 1,
};

let tokenizer: ModelTokenizer;

beforeAll(async () => {
  tokenizer = await openTokenizer("bos-bpe");
});

/** One token a letter: `<s>`, the prompt, the completion, `</s>`. */
const row = (line: number, prompt = "q", completion = "z"): Example => ({
  kind: "completion",
  prompt,
  completion,
  line,
});
const rows = (count: number) => Array.from({ length: count }, (_, i) => row(i + 1));
const linesOf = (examples: readonly TokenizedExample[]) => examples.map(({ line }) => line);
const build = (examples: Example[], given: Partial<DatasetOptions> = {}) =>
  buildDataset(examples, tokenizer, { ...options, ...given });

describe("the split", () => {
  test("holds out the last rows of the file", () => {
    const { train, heldOut } = build(rows(10), { heldOutRows: 3 });
    expect(linesOf(train)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(linesOf(heldOut)).toEqual([8, 9, 10]);
  });

  test("with shuffle holds out others, drawn from the seed alone", () => {
    const lines = (seed: number, heldOutRows = 3) => {
      const { train, heldOut } = build(rows(10), { shuffle: true, heldOutRows, seed });
      return [...linesOf(train), ...linesOf(heldOut)];
    };
    expect(lines(1)).toEqual(lines(1));
    expect(lines(1)).toEqual(lines(1, 0));
    expect(lines(1)).not.toEqual(lines(2));
    expect(lines(1)).not.toEqual(linesOf(build(rows(10)).train));
    expect(lines(1).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("takes a fifth where the number would leave no row to train on", () => {
    const sizes = (count: number, heldOutRows: number) => {
      const { train, heldOut } = build(rows(count), { heldOutRows });
      return [train.length, heldOut.length];
    };
    expect(sizes(41, 40)).toEqual([1, 40]);
    expect(sizes(40, 40)).toEqual([32, 8]);
    expect(sizes(14, 400)).toEqual([12, 2]);
    expect(sizes(5, 40)).toEqual([4, 1]);
    expect(sizes(4, 40)).toEqual([4, 0]);
    expect(sizes(1, 1)).toEqual([1, 0]);
    expect(linesOf(build(rows(5), { heldOutRows: 5 }).heldOut)).toEqual([5]);
  });

  test("is made of the rows that are left after dropping", () => {
    const examples = [row(1), row(2), row(3, "qqqqqqqq"), row(4)];
    const { train, heldOut } = build(examples, { maxLength: 6, heldOutRows: 2 });
    expect(linesOf(train)).toEqual([1]);
    expect(linesOf(heldOut)).toEqual([2, 4]);
  });
});

describe("the counts", () => {
  test("are those of the rows as they are used", () => {
    // <s> qq zzz </s>, <s> q z </s>, <s> q zzzzzzzz </s> cut to 8.
    const examples = [row(1, "qq", "zzz"), row(2), row(3, "q", "z".repeat(8))];
    const { train, ...counts } = build(examples, { maxLength: 8, heldOutRows: 1 });
    expect(train.map(({ tokens }) => tokens.length)).toEqual([7, 4]);
    expect(counts).toMatchObject({
      trainedTokens: 4 + 2,
      longestExample: 8,
      longestRow: 8,
      truncatedRows: 1,
      droppedRows: 0,
    });
  });

  test("tell rows that were cut from those that had nothing left to learn", () => {
    // Whole; without its end; with one token to learn; with none.
    const examples = [row(1, "q", "zzzz"), row(2, "q", "zzzzz"), row(3, "qqqqq"), row(4, "qqqqqq")];
    const { train, truncatedRows, droppedRows } = build(examples, { maxLength: 7 });
    expect(linesOf(train)).toEqual([1, 2, 3]);
    expect(droppedRows).toBe(1);
    expect(truncatedRows).toBe(2);
    expect(train.map(({ isTrained }) => isTrained.filter(Boolean).length)).toEqual([5, 5, 1]);
  });

  test("take in every prompt when it is trained too, the first token left out", () => {
    expect(build(rows(2), { completionOnly: false }).trainedTokens).toBe(2 * 3);
  });
});

describe("the longest row of a batch", () => {
  const longest = (examples: Example[], given: Partial<DatasetOptions>) => {
    const { longestRow, longestExample } = build(examples, given);
    return [longestRow, longestExample];
  };

  test("is the longest example's, or with packing maxLength", () => {
    // Ten rows of four tokens.
    expect(longest(rows(10), { maxLength: 16 })).toEqual([4, 4]);
    expect(longest(rows(10), { maxLength: 16, packing: true })).toEqual([16, 4]);
  });

  test("with packing is no longer than all training rows together", () => {
    expect(longest(rows(10), { packing: true })).toEqual([40, 4]);
    expect(longest(rows(10), { packing: true, heldOutRows: 7 })).toEqual([12, 4]);
  });

  test("with packing still holds a held-out row that is longer than all of them", () => {
    const examples = [row(1), row(2, "q", "zzzzzz")];
    expect(longest(examples, { packing: true, heldOutRows: 1 })).toEqual([9, 9]);
  });
});

test("a file whose rows are all too long is refused with the length it needs", () => {
  const examples = [row(1, "q".repeat(20)), row(2, "q".repeat(30))];
  expect(() => build(examples, { maxLength: 8 })).toThrow(
    expect.objectContaining({
      code: "too-long",
      remedy: "Raise maxLength; the longest row has 33 tokens.",
    }),
  );
});

test("a file of 150,000 rows is counted as a small one", () => {
  const { train, longestRow } = build(rows(150_000), { heldOutRows: 1 });
  expect(train).toHaveLength(149_999);
  expect(longestRow).toBe(4);
});

describe("the order of an epoch", () => {
  const order = (epoch: number, given: { shuffle: boolean; seed: number }) =>
    linesOf(epochOrder(build(rows(50)).train, epoch, given));

  test("is the file's without shuffle", () => {
    expect(order(3, { shuffle: false, seed: 1 })).toEqual(linesOf(build(rows(50)).train));
  });

  test("is drawn for each epoch and seed, the same at every call, each row once", () => {
    const drawn = [0, 1, 2].flatMap((epoch) =>
      [1, 2].map((seed) => order(epoch, { shuffle: true, seed })),
    );
    expect(new Set(drawn.map(String)).size).toBe(6);
    expect(order(0, { shuffle: true, seed: 1 })).toEqual(drawn[0]);
    for (const lines of drawn) {
      expect(lines.toSorted((a, b) => a - b)).toEqual(linesOf(build(rows(50)).train));
    }
  });

  test("does not repeat the shuffle of the split", () => {
    const { train } = build(rows(50), { shuffle: true });
    const again = epochOrder(build(rows(50)).train, 0, { shuffle: true, seed: options.seed });
    expect(linesOf(again)).not.toEqual(linesOf(train));
  });
});
