// Each text is encoded once, and one row at a time: its tokens are stored before the next has any.
import { expect, test } from "vitest";
import type { Example } from "../../../src/data/example.ts";
import { ExampleTokenizer } from "../../../src/data/masks/examples.ts";
import { tokenizeRows } from "../../../src/data/tokenize-rows.ts";
import type { TextTokenizer } from "../../../src/data/tokenizer.ts";
import { openTokenizer } from "./tokenizers.ts";

const rules = { completionOnly: true, multiTurn: "whole", template: "auto" } as const;

/** The demo's tokenizer, and every text that it encodes. */
async function listening() {
  const tokenizer = await openTokenizer("demo");
  const encoded: string[] = [];
  const heard: TextTokenizer = {
    ...tokenizer,
    encode(text) {
      encoded.push(text);
      return tokenizer.encode(text);
    },
    encodeRendered(text) {
      encoded.push(text);
      return tokenizer.encodeRendered(text);
    },
    encodeWithOffsets(text, addSpecialTokens) {
      encoded.push(text);
      return tokenizer.encodeWithOffsets(text, addSpecialTokens);
    },
  };
  return { heard, encoded };
}

const chats: Example[] = Array.from({ length: 300 }, (_, index) => ({
  kind: "chat",
  messages: [
    { role: "user", content: `Question ${index}?` },
    { role: "assistant", content: "First answer." },
    { role: "user", content: "And then?" },
    { role: "assistant", content: `Answer ${index}.` },
  ],
  trainedFrom: 0,
  line: index + 1,
  file: 0,
}));

test("a chat is encoded once, whatever the number of its answers", async () => {
  const { heard, encoded } = await listening();
  const { store } = await tokenizeRows([{ examples: chats }], heard, {
    ...rules,
    contextLength: 1024,
  });
  expect(store.length).toBe(300);
  expect(store.trainedOf(299, 1024)).toBeGreaterThan(4);
  expect(encoded).toHaveLength(300);
  expect(encoded[299]).toContain("Question 299?");
  expect(encoded[299]).toContain("Answer 299.");
});

test("a row is encoded when it is taken, not when the rows beside it are", async () => {
  const { heard, encoded } = await listening();
  const tokenizer = new ExampleTokenizer(heard, { ...rules, maxLength: 1024 });
  const counts: number[] = [];
  for (const row of await tokenizer.tokenize(chats.slice(0, 3))) {
    expect("rows" in row && row.rows).toHaveLength(1);
    counts.push(encoded.length);
  }
  expect(counts).toEqual([1, 2, 3]);
});
