// The tokenizer's files: what is read from them, and what cannot belong to the model refused.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parseTokenizer, type ModelTokenizer } from "../../../../src/model/tokenizer/tokenizer.ts";
import { readTokenizerFiles } from "../../../../src/model/tokenizer/files.ts";

const folder = new URL("../../../golden/tokenization/bos-bpe/", import.meta.url);
const json = await readFile(new URL("tokenizer.json", folder), "utf8");
const config = JSON.parse(
  await readFile(new URL("tokenizer_config.json", folder), "utf8"),
) as object;
const vocabSize = 320;
const chat = [{ role: "user", content: "Hi" }];

interface Given {
  tokenizer?: string;
  /** Put over the golden one; null leaves the file out. */
  config?: object | string | null;
  /** Further files by name. */
  files?: Record<string, string>;
  eosIds?: number[];
}

function parse(given: Given, size = vocabSize): ModelTokenizer {
  const { files = {}, eosIds = [] } = given;
  const chosen = given.config === undefined ? {} : given.config;
  const texts = new Map(Object.entries({ "tokenizer.json": given.tokenizer ?? json, ...files }));
  if (chosen !== null) {
    const text = typeof chosen === "string" ? chosen : JSON.stringify({ ...config, ...chosen });
    texts.set("tokenizer_config.json", text);
  }
  return parseTokenizer(readTokenizerFiles(texts, eosIds), size);
}

const request = { messages: chat, addGenerationPrompt: true };

describe("a tokenizer", () => {
  test("a tokenizer knows its end token and adds its special tokens to a text", () => {
    const tokenizer = parse({});
    expect(tokenizer).toMatchObject({ eosText: "</s>", eosId: 1, hasChatTemplate: true });
    expect(tokenizer.encode("")).toEqual([0]);
    expect(tokenizer.encode("</s>")).toEqual([0, 1]);
  });

  test("a tokenizer decodes a text without special tokens, and a single token with them", () => {
    const tokenizer = parse({});
    const text = "Größe: 12345 日本語 👩‍🚀\n  two  spaces";
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(tokenizer.decodeToken(1)).toBe("</s>");
  });

  test("a tokenizer accepts an end token written as an object", () => {
    const config = { eos_token: { __type: "AddedToken", content: "</s>", special: true } };
    expect(parse({ config })).toMatchObject({ eosText: "</s>", eosId: 1 });
  });

  test("a tokenizer tokenises a chat without a second begin token", async () => {
    const tokenizer = parse({});
    const [text = ""] = await tokenizer.renderChats([request]);
    const tokens = tokenizer.encodeRendered(text);
    expect(tokens.filter((token) => token === 0)).toHaveLength(1);
    expect(tokens[0]).toBe(0);
  });
});

describe("the chat template", () => {
  const rendered = async (given: Given) => (await parse(given).renderChats([request]))[0];
  const named = (name: string) => ({ name, template: name });

  test("the chat template of chat_template.jinja has precedence over the one of the config", async () => {
    const files = { "chat_template.jinja": "{{ messages[0].content }}!" };
    expect(await rendered({ files })).toBe("Hi!");
    expect(await rendered({})).toBe("<s>[INST] Hi [/INST]");
  });

  test("the chat template of chat_template.json, the file of processors, is the last resort", async () => {
    const list = JSON.stringify({ chat_template: [named("tool_use"), named("default")] });
    const files = { "chat_template.json": list };
    expect(await rendered({ config: { chat_template: null }, files })).toBe("default");
    expect(await rendered({ files })).toBe("<s>[INST] Hi [/INST]");
  });

  test("the chat template in the folder of further ones has precedence over chat_template.jinja", async () => {
    const files = {
      "chat_template.jinja": "one",
      "additional_chat_templates/default.jinja": "two",
    };
    expect(await rendered({ files })).toBe("two");
  });

  test("an empty chat_template.jinja hides the config's", async () => {
    expect(await rendered({ files: { "chat_template.jinja": "" } })).toBe("");
  });

  test("the chat template of a chat with tools is the one called tool_use, where there is one", async () => {
    const chat_template = [named("tool_use"), named("default")];
    const withTools = { ...request, tools: [] };
    const both = await parse({ config: { chat_template } }).renderChats([request, withTools]);
    expect(both).toEqual(["default", "tool_use"]);
    const files = {
      "chat_template.jinja": "one",
      "additional_chat_templates/tool_use.jinja": "two",
    };
    expect(await parse({ files }).renderChats([request, withTools])).toEqual(["one", "two"]);
    expect(await parse({}).renderChats([withTools])).toEqual(["<s>[INST] Hi [/INST]"]);
  });

  test("further chat templates hide the config's, and without one called default say so", async () => {
    const files = {
      "additional_chat_templates/tool_use.jinja": "x",
      "additional_chat_templates/rag.jinja": "y",
      "other.jinja": "z",
    };
    const tokenizer = parse({ files });
    expect(tokenizer.hasChatTemplate).toBe(false);
    await expect(tokenizer.traceChats([request])).rejects.toThrow(
      "The model has no chat template called default, only tool_use, rag.",
    );
    const inConfig = parse({ config: { chat_template: [named("rag")] } });
    await expect(inConfig.renderChats([request])).rejects.toThrow("only rag.");
  });

  test.each([[undefined], [null], [[]], [4], [[3, null]]])(
    "a chat template missing as %j refuses chats, but not texts",
    async (chatTemplate) => {
      const tokenizer = parse({ config: { chat_template: chatTemplate } });
      expect(tokenizer.hasChatTemplate).toBe(false);
      expect(tokenizer.encode("Hi").length).toBeGreaterThan(1);
      await expect(tokenizer.renderChats([request])).rejects.toThrow(
        expect.objectContaining({
          code: "bad-tokenizer",
          message: expect.stringContaining("The model has no chat template") as string,
        }),
      );
    },
  );

  test("a chat template may be broken while no chat is rendered", async () => {
    const tokenizer = parse({ files: { "chat_template.jinja": "{% for" } });
    expect(tokenizer.encode("Hi").length).toBeGreaterThan(1);
    await expect(tokenizer.renderChats([request])).rejects.toThrow(/could not be parsed/);
  });
});

describe("the end token", () => {
  const nameless = { eos_token: null };

  test("the end token comes from special_tokens_map.json where tokenizer_config.json is missing or names none", () => {
    const map = JSON.stringify({ eos_token: { content: "</s>" } });
    const files = { "special_tokens_map.json": map };
    expect(parse({ config: nameless, files })).toMatchObject({ eosText: "</s>", eosId: 1 });
    expect(parse({ config: null, files })).toMatchObject({ eosText: "</s>", eosId: 1 });
  });

  test("the end token comes from the model's config where no tokenizer file names one", () => {
    expect(parse({ config: null, eosIds: [1, 0] })).toMatchObject({ eosText: "</s>", eosId: 1 });
    expect(parse({ eosIds: [0] })).toMatchObject({ eosText: "</s>", eosId: 1 });
  });
});

describe("refused tokenizers", () => {
  const refused = (where: string, message: RegExp) =>
    expect.objectContaining({
      code: "bad-tokenizer",
      where,
      message: expect.stringMatching(message) as string,
    }) as Error;

  test.each(["", "{", "[]", "null", '"x"', "{}", '{"model": null}', '{"model": {"type": "BPE"}}'])(
    "a tokenizer is refused when tokenizer.json is %j",
    (tokenizer) => {
      expect(() => parse({ tokenizer })).toThrow(refused("tokenizer.json", /./));
    },
  );

  test("a tokenizer is refused when its vocabulary is empty", () => {
    const { model, ...rest } = JSON.parse(json) as { model: object };
    const tokenizer = JSON.stringify({
      ...rest,
      added_tokens: [],
      post_processor: null,
      model: { ...model, vocab: {}, merges: [] },
    });
    expect(() => parse({ tokenizer })).toThrow(
      refused("tokenizer.json", /^tokenizer.json: model.vocab is empty/),
    );
  });

  test.each(["", "{", "[]", "null"])(
    "a tokenizer is refused when tokenizer_config.json is %j",
    (text) => {
      expect(() => parse({ config: text })).toThrow(refused("tokenizer_config.json", /./));
    },
  );

  test.each([[null], [undefined], [4], [{}]])(
    "a tokenizer is refused when its end token is %j",
    (eos) => {
      expect(() => parse({ config: { eos_token: eos } })).toThrow(
        refused("tokenizer.json", /No file names an eos_token/),
      );
    },
  );

  test("a tokenizer is refused when its end token is not in the vocabulary", () => {
    expect(() => parse({ config: { eos_token: "<eos>" } })).toThrow(
      refused("tokenizer_config.json", /"<eos>" is not in the vocabulary/),
    );
  });

  test("a tokenizer is refused when one of its ids has no row in the embedding", () => {
    expect(() => parse({}, 319)).toThrow(
      expect.objectContaining({
        code: "vocabulary-mismatch",
        where: "tokenizer.json",
        message: expect.stringContaining(
          "ids go up to 319, but the embedding has 319 rows",
        ) as string,
      }),
    );
  });
});

test("an added token without a row in the embedding is plain text", () => {
  const parsed = JSON.parse(json) as { added_tokens: object[] };
  const added = { ...parsed.added_tokens[0], id: 320, content: "<extra>" };
  const tokenizer = JSON.stringify({ ...parsed, added_tokens: [...parsed.added_tokens, added] });
  expect(parse({ tokenizer }, 321).encode("<extra>")).toEqual([0, 320]);
  const text = parse({ tokenizer });
  expect(text.encode("<extra>")).toEqual(parse({}).encode("<extra>"));
  expect(text.decode(text.encode("<extra>"))).toBe("<extra>");
});
