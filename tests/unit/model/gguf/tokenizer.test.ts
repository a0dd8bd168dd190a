// The tokenizer inside a GGUF file: what it becomes, and what of it is refused.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { GgufValue } from "../../../../src/formats/gguf/value-types.ts";
import { architectureOf } from "../../../../src/model/gguf/architecture.ts";
import { Metadata } from "../../../../src/model/gguf/metadata.ts";
import { tokenizerOf } from "../../../../src/model/gguf/tokenizer.ts";
import { Field } from "../../../../src/model/tokenizer/field.ts";
import { readPipeline } from "../../../../src/model/tokenizer/pipeline.ts";
import { blobSource } from "../../../../src/formats/byte-source.ts";
import { openGguf } from "../../../../src/model/gguf/open.ts";

type Changes = Readonly<Record<string, GgufValue | undefined>>;

/** A byte-level vocabulary of bytes that are letters, with one merge and three other tokens. */
const bytes: Changes = {
  model: "gpt2",
  pre: "gpt-2",
  tokens: [
    ...Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i)),
    "Ġ",
    "ab",
    "<|end|>",
    "<note>",
    "[PAD98]",
  ],
  token_type: Int32Array.from({ length: 99 }, (_, id) => ({ 96: 3, 97: 4, 98: 5 })[id] ?? 1),
  merges: ["a b"],
  bos_token_id: 96,
  eos_token_id: 96,
};
/** A SentencePiece vocabulary without bytes. */
const pieces: Changes = {
  model: "llama",
  tokens: ["<unk>", "<s>", "</s>", "\u2581", "a", "b", "ab", "\u2581ab", "   ", "<tool>"],
  token_type: Int32Array.of(2, 3, 3, 1, 1, 1, 1, 1, 4, 4),
  scores: Float32Array.of(0, 0, 0, -10, -11, -12, -1, -2, -1000, -1000),
};

function read(entries: Changes, changes: Changes = {}, kind = "llama") {
  const all = Object.entries({ ...entries, ...changes }).filter(
    (entry): entry is [string, GgufValue] => entry[1] !== undefined,
  );
  const metadata = new Map(
    all.map(([key, value]) => [key.includes(".") ? key : `tokenizer.ggml.${key}`, value]),
  );
  const file = { name: "model.gguf", metadata };
  return tokenizerOf(new Metadata(file), architectureOf(kind, file.name));
}

function encode(entries: Changes, changes: Changes, text: string): number[] {
  return readPipeline(new Field(read(entries, changes).json, "model.gguf"), 100).encode(text, true);
}

describe("a vocabulary that sentencepiece trained and gguf-py wrote", () => {
  test("a sentencepiece vocabulary written by gguf-py gives sentencepiece's ids for every text", async () => {
    const folder = new URL("../../../golden/gguf/", import.meta.url);
    const { texts } = JSON.parse(await readFile(new URL("tiny.json", folder), "utf8")) as {
      texts: { text: string; ids: number[] }[];
    };
    const blob = new Blob([await readFile(new URL("tiny.gguf", folder))]);
    const model = await openGguf(blobSource(blob, "tiny.gguf"), new AbortController().signal);
    const pipeline = readPipeline(new Field(model.tokenizer.json, "tiny.gguf"), 420);
    expect(texts.length).toBeGreaterThan(200);
    const differing = texts.filter(
      ({ text, ids }) => String(pipeline.encode(text, false)) !== String(ids),
    );
    expect(differing).toEqual([]);
    expect(pipeline.encode("<tool>", true)).toEqual([1, pipeline.idOf("<tool>")]);
    expect(pipeline.decode(pipeline.encode(" a naïve 🙂", true), true)).toBe(" a naïve 🙂");
  });
});

describe("a byte-level vocabulary", () => {
  test("a byte-level vocabulary splits into words, merges, and matches added tokens whole", () => {
    expect(encode(bytes, {}, "ab a<|end|>b<note>")).toEqual([95, 94, 64, 96, 65, 97]);
  });

  test("a byte-level vocabulary adds begin and end tokens where the file sets them", () => {
    const both = { add_bos_token: true, add_eos_token: true, bos_token_id: 0 };
    expect(encode(bytes, both, "a")).toEqual([0, 64, 96]);
    expect(encode(bytes, { pre: "llama-bpe" }, "a")).toEqual([96, 64]);
    expect(encode(bytes, { pre: "llama-bpe", add_bos_token: false }, "a")).toEqual([64]);
    expect(encode(bytes, { pre: "llama-bpe", bos_token_id: undefined }, "a")).toEqual([64]);
  });

  test("a byte-level vocabulary separates digits where the pre-tokenizer of the file does", () => {
    const tokens = [...(bytes["tokens"] as string[]), "11"];
    const types = Int32Array.from(tokens, () => 1);
    const pair = { tokens, token_type: types, merges: ["a b", "1 1"] };
    expect(encode(bytes, pair, "11")).toEqual([99]);
    expect(encode(bytes, { ...pair, pre: "smollm" }, "11")).toEqual([16, 16]);
  });
});

describe("a SentencePiece vocabulary", () => {
  test("a SentencePiece vocabulary prepends a space to texts unless the file says no", () => {
    expect(encode(pieces, {}, "ab")).toEqual([1, 7]);
    expect(encode(pieces, { add_space_prefix: false }, "ab")).toEqual([1, 6]);
    expect(encode(pieces, { add_bos_token: false }, "ab")).toEqual([7]);
  });

  test("a SentencePiece vocabulary merges to a token of spaces instead of matching it as added", () => {
    const { json } = read(pieces);
    expect(json["model"]).toMatchObject({ vocab: { "\u2581\u2581\u2581": 8 } });
    expect(JSON.stringify(json["added_tokens"])).not.toContain('"   "');
  });

  test("a SentencePiece vocabulary uses Llama 2's special ids where the file omits them", () => {
    const { config, stopTokens } = read(pieces);
    expect(config).toMatchObject({ bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>" });
    expect(stopTokens).toEqual([2]);
  });

  test("a SentencePiece vocabulary drops white space after the tokens of Phi-3", () => {
    const rstrip = ({ json }: ReturnType<typeof read>) =>
      (json["added_tokens"] as { content: string; rstrip: boolean }[])
        .filter((token) => token.rstrip)
        .map(({ content }) => content);
    expect(rstrip(read(pieces, {}, "phi3"))).toEqual(["</s>", "<tool>"]);
    expect(rstrip(read(pieces))).toEqual([]);
  });
});

test("generation ends at the end-of-text and end-of-turn tokens, named by key or known by text", () => {
  expect(read(bytes).stopTokens).toEqual([96]);
  expect(read(bytes, { eos_token_id: 0, eot_token_id: 1, eom_token_id: 2 }).stopTokens).toEqual([
    0, 1, 2, 96,
  ]);
});

test("one chat template is a string, several are a list with names", () => {
  const main = { "tokenizer.chat_template": "main" };
  expect(read(bytes).config).not.toHaveProperty("chat_template");
  expect(read(bytes, main).config["chat_template"]).toBe("main");
  const several = read(bytes, { ...main, "tokenizer.chat_template.tool_use": "tools" });
  expect(several.config["chat_template"]).toEqual([
    { name: "default", template: "main" },
    { name: "tool_use", template: "tools" },
  ]);
});

test('a token called "__proto__" is an ordinary token', () => {
  const tokens = ["<unk>", "<s>", "</s>", "__proto__"];
  const { json } = read(pieces, {
    tokens,
    token_type: Int32Array.of(2, 3, 3, 1),
    scores: new Float32Array(4),
  });
  const { vocab } = json["model"] as { vocab: Record<string, number> };
  expect(Object.keys(vocab)).toEqual(tokens);
  expect(Object.getPrototypeOf(vocab)).toBe(Object.prototype);
});

describe("broken vocabularies", () => {
  test.each<[string, Changes, Changes, string]>([
    [
      "a missing kind of tokenizer",
      bytes,
      { model: undefined },
      '"tokenizer.ggml.model": It is missing',
    ],
    ["another kind of tokenizer", bytes, { model: "t5" }, 'It is "t5"'],
    ["a kind that is a number", bytes, { model: 1 }, "It is 1, but must be text"],
    ["no vocabulary", bytes, { tokens: undefined }, "no vocabulary"],
    ["an empty vocabulary", bytes, { tokens: [] }, "no vocabulary"],
    ["tokens that are numbers", bytes, { tokens: Int32Array.of(1) }, "must be a list of text"],
    [
      "two tokens of one text",
      pieces,
      {
        tokens: ["<unk>", "a", "b", "a"],
        token_type: new Int32Array(4),
        scores: new Float32Array(4),
      },
      'Tokens 1 and 3 are both "a"',
    ],
    ["too few kinds", bytes, { token_type: new Int32Array(3) }, "3 entries for 99 tokens"],
    ["kinds that are text", bytes, { token_type: ["1"] }, "must be a list of numbers"],
    [
      "a way of splitting that is not known",
      bytes,
      { pre: "kimi-k2" },
      '"kimi-k2" is not supported',
    ],
    ["a way of splitting called constructor", bytes, { pre: "constructor" }, "is not supported"],
    ["no way of splitting", bytes, { pre: undefined }, "before May 2024"],
    ["no merges", bytes, { merges: undefined }, "needs them"],
    ["a merge without a space", bytes, { merges: ["a b", "ab"] }, 'Item 1, "ab", is not a pair'],
    ["a merge with nothing behind its space", bytes, { merges: ["a "] }, "is not a pair"],
    ["no scores", pieces, { scores: undefined }, "need scores"],
    ["too few scores", pieces, { scores: new Float32Array(2) }, "2 entries for 10 tokens"],
    [
      "a score that is no number",
      pieces,
      { scores: Float32Array.from({ length: 10 }, (_, i) => (i === 7 ? NaN : 0)) },
      "Item 7 is NaN",
    ],
    [
      "a first token that is none",
      bytes,
      { bos_token_id: 99 },
      '"tokenizer.ggml.bos_token_id": It is 99, but there are 99 tokens',
    ],
    ["a negative end token", bytes, { eos_token_id: -1 }, "It is -1"],
    ["a switch that is a number", bytes, { add_bos_token: 1 }, "must be true or false"],
    ["a chat template that is a number", bytes, { "tokenizer.chat_template": 7 }, "must be text"],
  ])("a broken vocabulary is refused with the key: %s", (_, entries, changes, says) => {
    expect(() => read(entries, changes)).toThrow(says);
    expect(() => read(entries, changes)).toThrow("model.gguf, key");
  });
});
