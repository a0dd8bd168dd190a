// Where a model trained on chats stops, by its chat template.
import { expect, test } from "vitest";
import { turnEnds } from "../../../../src/model/tokenizer/turn-end.ts";
import { openTokenizer } from "../../data/tokenizers.ts";

const signal = new AbortController().signal;

test("an answer ends with the template's own token where that is not the end of sequence", async () => {
  const tokenizer = await openTokenizer("demo");
  const ends = await turnEnds(tokenizer, "Hi", signal);
  expect(tokenizer.eosText).toBe("<|endoftext|>");
  expect(ends.map((token) => tokenizer.decodeToken(token))).toEqual(["<|im_end|>"]);
});

test("an answer ends with the end of sequence where the template writes it, after a space too", async () => {
  const tokenizer = await openTokenizer("bos-bpe");
  expect(await turnEnds(tokenizer, "Hi", signal)).toEqual([tokenizer.eosId]);
  const spaced = {
    ...tokenizer,
    renderChats: () => Promise.resolve(["<s>[INST] Hi [/INST] A1b2C3 </s>"]),
  };
  expect(await turnEnds(spaced, "Hi", signal)).toEqual([tokenizer.eosId]);
});

test("an answer has no end of its own where the template writes no special token after it", async () => {
  const tokenizer = await openTokenizer("demo");
  const plain = { ...tokenizer, renderChats: () => Promise.resolve(["Hi\nA1b2C3\n"]) };
  expect(await turnEnds(plain, "Hi", signal)).toEqual([]);
});
