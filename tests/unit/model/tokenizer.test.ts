// The tokenizer's files: what is read from them, and what cannot belong to the model refused.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parseTokenizer, type ModelTokenizer } from "../../../src/model/tokenizer.ts";

const folder = new URL("../../golden/tokenization/bos-bpe/", import.meta.url);
const json = await readFile(new URL("tokenizer.json", folder), "utf8");
const config = JSON.parse(
  await readFile(new URL("tokenizer_config.json", folder), "utf8"),
) as object;
const vocabSize = 320;
const chat = [{ role: "user", content: "Hi" }];

function parse(
  given: { tokenizer?: string; config?: object | string; chatTemplate?: string | null },
  size = vocabSize,
): ModelTokenizer {
  const chosen = given.config ?? {};
  const texts = {
    tokenizer: given.tokenizer ?? json,
    config: typeof chosen === "string" ? chosen : JSON.stringify({ ...config, ...chosen }),
    chatTemplate: given.chatTemplate ?? null,
  };
  return parseTokenizer(texts, size);
}

describe("a tokenizer", () => {
  test("knows its end token, and adds its own special tokens to a text", () => {
    const tokenizer = parse({});
    expect(tokenizer).toMatchObject({ eosText: "</s>", eosId: 1, hasChatTemplate: true });
    expect(tokenizer.encode("")).toEqual([0]);
    expect(tokenizer.encode("</s>")).toEqual([0, 1]);
  });

  test("gives a text back without special tokens, and a single token with them", () => {
    const tokenizer = parse({});
    const text = "Größe: 12345 日本語 👩‍🚀\n  two  spaces";
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(tokenizer.decodeToken(1)).toBe("</s>");
  });

  test("takes an end token written as an object", () => {
    const config = { eos_token: { __type: "AddedToken", content: "</s>", special: true } };
    expect(parse({ config })).toMatchObject({ eosText: "</s>", eosId: 1 });
  });

  test("tokenises a chat without a second begin token", () => {
    const tokens = parse({}).encodeChat(chat, false);
    expect(tokens.filter((token) => token === 0)).toHaveLength(1);
    expect(tokens[0]).toBe(0);
  });
});

describe("the chat template", () => {
  const encoded = (...given: Parameters<typeof parse>) => {
    const tokenizer = parse(...given);
    return tokenizer.decode(tokenizer.encodeChat(chat, true));
  };

  test("is chat_template.jinja before the one of the config", () => {
    expect(encoded({ chatTemplate: "{{ messages[0].content }}!" })).toBe("Hi!");
    expect(encoded({})).toBe("[INST] Hi [/INST]");
  });

  test("is the one called default in a list", () => {
    const template = (name: string) => ({ name, template: name });
    const named = [template("tool_use"), template("default")];
    expect(encoded({ config: { chat_template: named } })).toBe("default");
  });

  test.each([[undefined], [null], [[]], [4], [[{ name: "tool_use", template: "x" }]]])(
    "is missing as %j: chats are refused, texts are not",
    (chatTemplate) => {
      const tokenizer = parse({ config: { chat_template: chatTemplate } });
      expect(tokenizer.hasChatTemplate).toBe(false);
      expect(tokenizer.encode("Hi").length).toBeGreaterThan(1);
      expect(() => tokenizer.encodeChat(chat, true)).toThrow(
        expect.objectContaining({
          code: "bad-tokenizer",
          message: expect.stringContaining("The model has no chat template") as string,
        }),
      );
    },
  );

  test("may be broken as long as there is no chat", () => {
    const tokenizer = parse({ chatTemplate: "{% for" });
    expect(tokenizer.encode("Hi").length).toBeGreaterThan(1);
    expect(() => tokenizer.encodeChat(chat, true)).toThrow(/could not be parsed/);
  });
});

describe("a tokenizer is refused", () => {
  const refused = (where: string, message: RegExp) =>
    expect.objectContaining({
      code: "bad-tokenizer",
      where,
      message: expect.stringMatching(message) as string,
    }) as Error;

  test.each(["", "{", "[]", "null", '"x"', "{}", '{"model": null}', '{"model": {"type": "BPE"}}'])(
    "when tokenizer.json is %j",
    (tokenizer) => {
      expect(() => parse({ tokenizer })).toThrow(refused("tokenizer.json", /./));
    },
  );

  test("when its vocabulary is empty", () => {
    const { model, ...rest } = JSON.parse(json) as { model: object };
    const tokenizer = JSON.stringify({
      ...rest,
      added_tokens: [],
      post_processor: null,
      model: { ...model, vocab: {}, merges: [] },
    });
    expect(() => parse({ tokenizer })).toThrow(refused("tokenizer.json", /vocabulary is empty/));
  });

  test.each(["", "{", "[]", "null"])("when tokenizer_config.json is %j", (text) => {
    expect(() => parse({ config: text })).toThrow(refused("tokenizer_config.json", /./));
  });

  test.each([[null], [undefined], [4], [{}]])("when its end token is %j", (eos) => {
    expect(() => parse({ config: { eos_token: eos } })).toThrow(
      refused("tokenizer_config.json", /names no eos_token/),
    );
  });

  test("when its end token is not in the vocabulary", () => {
    expect(() => parse({ config: { eos_token: "<eos>" } })).toThrow(
      refused("tokenizer_config.json", /"<eos>" is not in the vocabulary/),
    );
  });

  test("when one of its ids has no row in the embedding", () => {
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

  test("when an added token has no row in the embedding", () => {
    const parsed = JSON.parse(json) as { added_tokens: object[] };
    const added = { ...parsed.added_tokens[0], id: 400, content: "<extra>" };
    const tokenizer = JSON.stringify({ ...parsed, added_tokens: [...parsed.added_tokens, added] });
    expect(() => parse({ tokenizer })).toThrow(
      expect.objectContaining({ code: "vocabulary-mismatch" }),
    );
    expect(parse({ tokenizer }, 401).encode("<extra>")).toEqual([0, 400]);
  });
});
