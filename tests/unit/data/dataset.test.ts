// Examples to a data set: what is held out, cut, dropped and counted, and the order of each epoch.
import { beforeAll, describe, expect, test } from "vitest";
import { epochOrder, splitDataset, type DatasetOptions } from "../../../src/data/dataset.ts";
import type { Example } from "../../../src/data/example.ts";
import { PromptForms } from "../../../src/data/prompt-form.ts";
import { RowGroups } from "../../../src/data/row-groups.ts";
import { tokenizeRows } from "../../../src/data/tokenize-rows.ts";
import { TokenStore, type TokenRow } from "../../../src/data/token-store.ts";
import type { ModelTokenizer } from "../../../src/model/tokenizer/tokenizer.ts";
import { openTokenizer } from "./tokenizers.ts";

const options: DatasetOptions = {
  maxLength: 64,
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
  file: 0,
});
const rows = (count: number) => Array.from({ length: count }, (_, i) => row(i + 1));
const linesOf = (examples: Iterable<TokenRow>) => Array.from(examples, ({ line }) => line);
const build = async (
  examples: Example[],
  given: Partial<DatasetOptions> = {},
  completionOnly = true,
  heldOutRows?: number,
) => {
  const rules = { contextLength: 64, completionOnly, multiTurn: "whole", template: "raw" } as const;
  const tokenized = await tokenizeRows([{ examples }], tokenizer, rules);
  return splitDataset(tokenized, { ...options, ...given }, { heldOutRows });
};

describe("the split into training and held-out rows", () => {
  test("the split holds out the last rows of the file", async () => {
    const { train, heldOut } = await build(rows(10), { heldOutRows: 2 });
    expect(linesOf(train)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(linesOf(heldOut)).toEqual([9, 10]);
  });

  test("the split with shuffle holds out rows drawn from the seed alone", async () => {
    const lines = async (seed: number, heldOutRows = 2) => {
      const { train, heldOut } = await build(rows(10), { shuffle: true, heldOutRows, seed });
      return [...linesOf(train), ...linesOf(heldOut)];
    };
    expect(await lines(1)).toEqual(await lines(1));
    expect(await lines(1)).toEqual(await lines(1, 0));
    expect(await lines(1)).not.toEqual(await lines(2));
    expect(await lines(1)).not.toEqual(linesOf((await build(rows(10))).train));
    expect((await lines(1)).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test("the split holds out heldOutRows, and no more than a fifth of the rows", async () => {
    const sizes = async (count: number, heldOutRows: number) => {
      const { train, heldOut } = await build(rows(count), { heldOutRows });
      return [train.length, heldOut.length];
    };
    expect(await sizes(41, 40)).toEqual([33, 8]);
    expect(await sizes(50, 40)).toEqual([40, 10]);
    expect(await sizes(320, 40)).toEqual([280, 40]);
    expect(await sizes(40, 40)).toEqual([32, 8]);
    expect(await sizes(14, 400)).toEqual([12, 2]);
    expect(await sizes(10, 3)).toEqual([8, 2]);
    expect(await sizes(5, 40)).toEqual([4, 1]);
    expect(await sizes(4, 40)).toEqual([4, 0]);
    expect(await sizes(1, 1)).toEqual([1, 0]);
    expect(linesOf((await build(rows(5), { heldOutRows: 5 })).heldOut)).toEqual([5]);
  });

  test("the split of a saved run holds out as many rows as the run did", async () => {
    const { train, heldOut } = await build(rows(41), { heldOutRows: 40 }, true, 40);
    expect(linesOf(train)).toEqual([1]);
    expect(heldOut).toHaveLength(40);
  });

  test("the split is made of the rows that are not dropped", async () => {
    const examples = [row(1), row(2), row(3), row(4), row(5, "qqqqqqqq"), row(6)];
    const { train, heldOut } = await build(examples, { maxLength: 6, heldOutRows: 2 });
    expect(linesOf(train)).toEqual([1, 2, 3, 4]);
    expect(linesOf(heldOut)).toEqual([6]);
  });
});

describe("the counts of a data set", () => {
  test("the counts of a data set are those of the rows after cutting", async () => {
    // <s> qq zzz </s>, <s> q z </s>, <s> q zzzzzzzz </s> cut to 8.
    const examples = [row(1, "qq", "zzz"), row(2), row(3, "q", "z".repeat(8))];
    const { train, ...counts } = await build(examples, { maxLength: 8 }, true, 1);
    expect(Array.from(train, ({ tokens }) => tokens.length)).toEqual([7, 4]);
    expect(counts).toMatchObject({
      trainedTokens: 4 + 2,
      longestExample: 8,
      longestRow: 8,
      truncatedRows: 1,
      droppedRows: 0,
    });
  });

  test("the counts of a data set separate cut rows from rows with no trained token left", async () => {
    // Whole; without its end; with one token to learn; with none.
    const examples = [row(1, "q", "zzzz"), row(2, "q", "zzzzz"), row(3, "qqqqq"), row(4, "qqqqqq")];
    const { train, truncatedRows, droppedRows } = await build(examples, { maxLength: 7 });
    expect(linesOf(train)).toEqual([1, 2, 3]);
    expect(droppedRows).toBe(1);
    expect(truncatedRows).toBe(2);
    expect(Array.from(train, ({ isTrained }) => isTrained.filter(Boolean).length)).toEqual([
      5, 5, 1,
    ]);
  });

  test("the counts of a data set include trained prompts, without the first token", async () => {
    expect((await build(rows(2), {}, false)).trainedTokens).toBe(2 * 3);
  });
});

describe("the longest row of a batch", () => {
  const longest = async (examples: Example[], given: Partial<DatasetOptions>) => {
    const { longestRow, longestExample } = await build(examples, given);
    return [longestRow, longestExample];
  };

  test("the longest row is as long as the longest example, or with packing as maxLength", async () => {
    // Ten rows of four tokens.
    expect(await longest(rows(10), { maxLength: 16 })).toEqual([4, 4]);
    expect(await longest(rows(10), { maxLength: 16, packing: true })).toEqual([16, 4]);
  });

  test("the longest row with packing is no longer than all training rows together", async () => {
    expect(await longest(rows(10), { packing: true })).toEqual([40, 4]);
    expect(await longest(rows(10), { packing: true, heldOutRows: 2 })).toEqual([32, 4]);
  });

  test("the longest row with packing has space for a held-out row that is longer than all training rows", async () => {
    const examples = [row(1), row(2, "q", "zzzzzz")];
    const { longestRow, longestExample } = await build(examples, { packing: true }, true, 1);
    expect([longestRow, longestExample]).toEqual([9, 9]);
  });
});

describe("a file without a row to train on", () => {
  test("a file whose rows are all too long is refused with the maxLength that it needs", async () => {
    const examples = [row(1, "q".repeat(20)), row(2, "q".repeat(30))];
    await expect(build(examples, { maxLength: 8 })).rejects.toMatchObject({
      code: "too-long",
      message: "All 2 rows are longer than maxLength (8 tokens) before their completion begins.",
      remedy: "Raise maxLength; the longest row has 33 tokens.",
    });
  });

  test("a row that is not cut is not blamed on maxLength", () => {
    const empty = { tokens: [5, 6], isTrained: [0, 0], fullLength: 2 };
    const cut = { tokens: [5, 6, 7, 8], isTrained: [0, 0, 0, 1], fullLength: 9 };
    const store = new TokenStore();
    store.add({ ...empty, line: 1 });
    const given = { ...options, maxLength: 3 };
    expect(() =>
      splitDataset(
        { store, left: new RowGroups(), notices: new RowGroups(), promptForms: new PromptForms() },
        given,
      ),
    ).toThrow(
      expect.objectContaining({
        code: "no-completion",
        message: "The only row has no trained token.",
      }),
    );
    store.add({ ...cut, line: 2 });
    expect(() =>
      splitDataset(
        { store, left: new RowGroups(), notices: new RowGroups(), promptForms: new PromptForms() },
        given,
      ),
    ).toThrow(
      expect.objectContaining({
        code: "too-long",
        message:
          "1 of 2 rows are longer than maxLength (3 tokens) before their completion begins; the others have no trained token.",
        remedy: "Raise maxLength; the longest row has 9 tokens.",
      }),
    );
  });
});

test("the rows and the longest row of a file of 150,000 rows are counted", async () => {
  const { train, longestRow } = await build(rows(150_000), { heldOutRows: 1 });
  expect(train).toHaveLength(149_999);
  expect(longestRow).toBe(4);
});

describe("the order of an epoch", () => {
  const order = async (epoch: number, given: { shuffle: boolean; seed: number }) =>
    linesOf(epochOrder((await build(rows(50))).train, epoch, given));

  test("the order of an epoch without shuffle is the order of the file", async () => {
    expect(await order(3, { shuffle: false, seed: 1 })).toEqual(
      linesOf((await build(rows(50))).train),
    );
  });

  test("the order of an epoch is drawn from epoch and seed, and has each row once", async () => {
    const drawn = await Promise.all(
      [0, 1, 2].flatMap((epoch) => [1, 2].map((seed) => order(epoch, { shuffle: true, seed }))),
    );
    expect(new Set(drawn.map(String)).size).toBe(6);
    expect(await order(0, { shuffle: true, seed: 1 })).toEqual(drawn[0]);
    for (const lines of drawn) {
      expect(lines.toSorted((a, b) => a - b)).toEqual(linesOf((await build(rows(50))).train));
    }
  });

  test("the order of an epoch does not repeat the shuffle of the split", async () => {
    const { train } = await build(rows(50), { shuffle: true });
    const again = epochOrder((await build(rows(50))).train, 0, {
      shuffle: true,
      seed: options.seed,
    });
    expect(linesOf(again)).not.toEqual(linesOf(train));
  });
});
