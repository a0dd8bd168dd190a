// Token ids and masks against TRL's SFTTrainer, with the real tokenizers: exactly the same numbers.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { splitDataset } from "../../../src/data/dataset.ts";
import type { Example } from "../../../src/data/example.ts";
import { ExampleTokenizer } from "../../../src/data/masks/examples.ts";
import { tokenizeRows } from "../../../src/data/tokenize-rows.ts";
import type { StorableRow } from "../../../src/data/token-store.ts";
import type { ChatMessage } from "../../../src/data/tokenizer.ts";
import type { ModelTokenizer } from "../../../src/model/tokenizer/tokenizer.ts";
import { openTokenizer, tokenizerFolders, type TokenizerName } from "./tokenizers.ts";

interface GoldenRow {
  inputIds: number[];
  completionMask: number[];
}

interface Golden {
  tokenizerSha256: string;
  cutLength: number;
  promptCompletion: (GoldenRow & { prompt: string; completion: string })[];
  promptCompletionCut: (GoldenRow & { row: number })[];
  messages: (GoldenRow & { messages: ChatMessage[] })[];
  messagesCut: (GoldenRow & { row: number })[];
  messagesAssistantOnly: (GoldenRow & { messages: ChatMessage[] })[];
  messagesAssistantOnlyCut: (GoldenRow & { row: number })[];
}

const repository = new URL("../../../", import.meta.url);
const uncut = 1_000_000;

const asGolden = ({ tokens, isTrained }: Pick<StorableRow, "tokens" | "isTrained">): GoldenRow => ({
  inputIds: Array.from(tokens),
  completionMask: Array.from(isTrained, Number),
});
const numbersOf = ({ inputIds, completionMask }: GoldenRow) => ({ inputIds, completionMask });

describe.each(Object.keys(tokenizerFolders) as TokenizerName[])("the tokenizer %s", (name) => {
  let golden: Golden;
  let tokenizer: ModelTokenizer;
  let completions: Example[];
  let chats: Example[];

  beforeAll(async () => {
    const path = new URL(`tests/golden/tokenization/${name}.json`, repository);
    golden = JSON.parse(await readFile(path, "utf8")) as Golden;
    tokenizer = await openTokenizer(name);
    completions = golden.promptCompletion.map(({ prompt, completion }, line) => ({
      kind: "completion",
      prompt,
      completion,
      line,
      file: 0,
    }));
    chats = golden.messages.map(({ messages }, line) => ({
      kind: "chat",
      messages,
      trainedFrom: 0,
      line,
      file: 0,
    }));
  });

  const tokenize = async (examples: readonly Example[], completionOnly: boolean) => {
    const options = {
      maxLength: uncut,
      completionOnly,
      multiTurn: "whole",
      template: "raw",
    } as const;
    const rows = await new ExampleTokenizer(tokenizer, options).tokenize(examples);
    return [...rows].flatMap((row) => ("rows" in row ? row.rows.map(asGolden) : []));
  };

  /** Rows that are left after the cut, as TRL keeps them: by row of the full list. */
  const cut = async (examples: readonly Example[], completionOnly: boolean) => {
    const tokenized = await tokenizeRows([{ examples }], tokenizer, {
      contextLength: uncut,
      completionOnly,
      multiTurn: "whole",
      template: "raw",
    });
    expect(tokenized.left.count).toBe(0);
    const { train, droppedRows } = splitDataset(tokenized, {
      maxLength: golden.cutLength,
      shuffle: false,
      packing: false,
      heldOutRows: 0,
      seed: 0,
    });
    expect(droppedRows).toBe(examples.length - train.length);
    return Array.from(train, (row) => ({ row: row.line, ...asGolden(row) }));
  };

  test("the tokenizer file has the hash in the golden file", async () => {
    const bytes = await readFile(new URL(`${tokenizerFolders[name]}/tokenizer.json`, repository));
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(golden.tokenizerSha256);
  });

  test("prompts and completions have TRL's tokens and masks", async () => {
    expect(await tokenize(completions, true)).toEqual(golden.promptCompletion.map(numbersOf));
  });

  test("every token of prompt and completion is trained without completionOnly", async () => {
    const everything = golden.promptCompletion.map(({ inputIds }) => ({
      inputIds,
      completionMask: inputIds.map(() => 1),
    }));
    expect(await tokenize(completions, false)).toEqual(everything);
  });

  test("chats have TRL's tokens and masks, whole and answers only", async () => {
    expect(await tokenize(chats, false)).toEqual(golden.messages.map(numbersOf));
    expect(await tokenize(chats, true)).toEqual(golden.messagesAssistantOnly.map(numbersOf));
  });

  test("the rows that TRL cuts and drops are cut and dropped", async () => {
    expect(await cut(completions, true)).toEqual(golden.promptCompletionCut);
    expect(await cut(chats, false)).toEqual(golden.messagesCut);
    if (golden.messagesAssistantOnlyCut.length > 0) {
      expect(await cut(chats, true)).toEqual(golden.messagesAssistantOnlyCut);
    } else {
      await expect(cut(chats, true)).rejects.toThrow(/longer than maxLength/);
    }
  });
});
