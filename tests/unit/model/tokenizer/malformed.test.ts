// Malformed tokenizer files: each is refused with the file, the place in it and what is wrong, and
// harms nothing.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { readTokenizerFiles } from "../../../../src/model/tokenizer/files.ts";
import { parseTokenizer } from "../../../../src/model/tokenizer/tokenizer.ts";

type Json = Record<string, unknown>;

const folder = new URL("../../../golden/tokenization/bos-bpe/", import.meta.url);
const text = await readFile(new URL("tokenizer.json", folder), "utf8");
const config = await readFile(new URL("tokenizer_config.json", folder), "utf8");
const good = JSON.parse(text) as Json & { model: Json; added_tokens: Json[] };
const tinyUnigram = { type: "Unigram", unk_id: 0, vocab: [["<unk>", 0] as unknown, ["a", -1]] };

function parse(tokenizer: string, vocabSize = 320) {
  const texts = new Map([
    ["tokenizer.json", tokenizer],
    ["tokenizer_config.json", config],
  ]);
  return parseTokenizer(readTokenizerFiles(texts, []), vocabSize);
}

const withPart = (part: Json) => JSON.stringify({ ...good, ...part });
const withModel = (part: Json) => withPart({ model: { ...good.model, ...part } });
const withVocab = (part: Json) =>
  withModel({ vocab: { ...(good.model["vocab"] as Json), ...part } });
const withToken = (part: Json) =>
  withPart({ added_tokens: [{ ...good.added_tokens[0], ...part }] });
const split = (Regex: unknown) => ({
  type: "Split",
  pattern: { Regex },
  behavior: "Isolated",
  invert: false,
});
const nested = (key: string, depth: number) => {
  let step: Json = { type: "NFC" };
  for (let level = 0; level < depth; level++) {
    step = { type: "Sequence", [key]: [step] };
  }
  return step;
};
const precompiled = (charsmap: unknown) => ({
  normalizer: { type: "Precompiled", precompiled_charsmap: charsmap },
});
const base64 = (...bytes: number[]) => btoa(String.fromCharCode(...bytes));

const cases: Record<string, [string, RegExp]> = {
  "an empty file": ["", /not JSON; it ends too early/],
  "truncated JSON": [text.slice(0, -100), /not JSON; it ends too early/],
  "a stray character": [`{!${text.slice(1)}`, /not JSON at character 1/],
  "a list": ["[]", /not a JSON object/],
  "no model": [withPart({ model: undefined }), /model is missing/],
  "a model that is a text": [withPart({ model: "BPE" }), /model is "BPE", not an object/],
  "an unknown type of model": [withModel({ type: "Neural" }), /model\.type is "Neural"/],
  "a model for other tasks": [withModel({ type: "WordPiece" }), /model\.type is "WordPiece"/],
  "no vocabulary": [withModel({ vocab: undefined }), /model\.vocab is missing/],
  "a vocabulary that is a list": [withModel({ vocab: ["a"] }), /model\.vocab is a list/],
  "an empty vocabulary": [withModel({ vocab: {}, merges: [] }), /model\.vocab is empty/],
  "a negative id": [withVocab({ zz: -1 }), /gives "zz" the id -1/],
  "a fractional id": [withVocab({ zz: 1.5 }), /gives "zz" the id 1\.5/],
  "an id that is a text": [withVocab({ zz: "7" }), /gives "zz" the id "7"/],
  "a huge id": [withVocab({ zz: 2 ** 40 }), /gives "zz" the id 1099511627776/],
  "an id given twice": [withVocab({ zz: 7 }), /gives "&" and "zz" the same id 7/],
  "no merges": [withModel({ merges: undefined }), /model\.merges is missing/],
  "a merge of an absent token": [
    withModel({ merges: ["i n", "i zz"] }),
    /model\.merges\[1\] names "zz", which is not in the vocabulary/,
  ],
  "a merge into an absent token": [withModel({ merges: [["q", "z"]] }), /merges\[0\] names "qz"/],
  "a merge of three": [withModel({ merges: ["a b c"] }), /merges\[0\] is "a b c", not a pair/],
  "a merge that is a number": [withModel({ merges: [4] }), /merges\[0\] is 4, not a pair/],
  "an unknown token outside the vocabulary": [
    withModel({ unk_token: "<?>" }),
    /unk_token is not in/,
  ],
  "a flag that is a number": [withModel({ byte_fallback: 1 }), /byte_fallback is 1, not true or/],
  "added tokens in an object": [withPart({ added_tokens: {} }), /added_tokens is an object/],
  "an added token without an id": [
    withToken({ id: undefined }),
    /added_tokens\[0\]\.id is undefined/,
  ],
  "an added token with a second id": [
    withToken({ id: 400, content: "<x>" }),
    /added_tokens\[0\]\.id is 400, but "<x>" has the id 320/,
  ],
  "an added token that contradicts the vocabulary": [
    withToken({ id: 5 }),
    /added_tokens\[0\]\.id is 5, but "<s>" has the id 0/,
  ],
  "an added token with a negative id": [withToken({ id: -1 }), /added_tokens\[0\]\.id is -1/],
  "an unknown normalizer": [
    withPart({ normalizer: { type: "Rot13" } }),
    /normalizer\.type is "Rot/,
  ],
  "a normalizer of other tasks": [
    withPart({ normalizer: { type: "BertNormalizer" } }),
    /normalizer\.type is BertNormalizer, which is not supported/,
  ],
  "normalizers within normalizers": [
    withPart({ normalizer: nested("normalizers", 500) }),
    /nests deeper than 8/,
  ],
  "very many normalizers": [
    withPart({
      normalizer: {
        type: "Sequence",
        normalizers: Array.from({ length: 100_000 }, () => ({ type: "NFC" })),
      },
    }),
    /normalizer\.normalizers has 100000 steps/,
  ],
  "very many normalizers in small lists": [
    withPart({
      normalizer: {
        type: "Sequence",
        normalizers: Array.from({ length: 50 }, () => ({
          type: "Sequence",
          normalizers: Array.from({ length: 50 }, () => ({ type: "NFC" })),
        })),
      },
    }),
    /normalizer has 2500 steps/,
  ],
  "a charsmap that is not base64": [
    withPart(precompiled("*")),
    /precompiled_charsmap is not base64/,
  ],
  "a charsmap with a wrong length": [
    withPart(precompiled(base64(255, 255, 255, 255, 0))),
    /declares a trie of 4294967295 bytes, but has 5/,
  ],
  "pre-tokenizers within pre-tokenizers": [
    withPart({ pre_tokenizer: nested("pretokenizers", 500) }),
    /nests deeper than 8/,
  ],
  "an unknown pre-tokenizer": [withPart({ pre_tokenizer: { type: 3 } }), /type is 3, not a text/],
  "a broken pattern": [
    withPart({ pre_tokenizer: split("(a") }),
    /Regex is not a supported regular expression/,
  ],
  "a pattern of groups within groups": [
    withPart({ pre_tokenizer: split(`${"(".repeat(9_000)}a`) }),
    /groups nest deeper than 50/,
  ],
  "an endless pattern": [
    withPart({ pre_tokenizer: split("a".repeat(10_001)) }),
    /10001 characters/,
  ],
  "a pattern with an unknown property": [
    withPart({ pre_tokenizer: split(String.raw`\p{Nonsense}`) }),
    /p\{Nonsense\} is not supported/,
  ],
  "an unknown behaviour": [
    withPart({ pre_tokenizer: { ...split("a"), behavior: "Lost" } }),
    /behavior is "Lost"/,
  ],
  "an unknown decoder": [withPart({ decoder: { type: "Morse" } }), /decoder\.type is "Morse"/],
  "a template of a missing token": [
    withPart({
      post_processor: {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: "__proto__", type_id: 0 } }],
        special_tokens: {},
      },
    }),
    /special_tokens\.__proto__ is missing/,
  ],
  "a Unigram vocabulary without scores": [
    withPart({ model: { ...tinyUnigram, vocab: ["a"] }, added_tokens: [] }),
    /model\.vocab\[0\] is not a token with its score/,
  ],
  "a Unigram unknown token out of range": [
    withPart({ model: { ...tinyUnigram, unk_id: 2 }, added_tokens: [] }),
    /model\.unk_id is 2, not a whole number from 0 to 1/,
  ],
};

describe("refused tokenizer.json files", () => {
  test.each(Object.entries(cases))(
    "a tokenizer.json is refused for %s",
    (_, [tokenizer, message]) => {
      expect(() => parse(tokenizer)).toThrow(
        expect.objectContaining({
          name: "UserError",
          code: "bad-tokenizer",
          where: "tokenizer.json",
          message: expect.stringMatching(message) as string,
          remedy: expect.stringMatching(/./) as string,
        }),
      );
    },
  );

  test("a tokenizer.json is refused for a list that contains itself", () => {
    const normalizer: Json = { type: "Sequence" };
    normalizer["normalizers"] = [normalizer];
    const parts = { tokenizer: { ...good, normalizer }, file: "model.gguf" };
    expect(() => parseTokenizer(parts, 320)).toThrow(
      expect.objectContaining({ code: "bad-tokenizer", where: "model.gguf" }),
    );
  });

  test("a vocabulary larger than the embedding is refused with both numbers", () => {
    expect(() => parse(text, 300)).toThrow(
      expect.objectContaining({
        code: "vocabulary-mismatch",
        where: "tokenizer.json",
        message: expect.stringContaining("319, but the embedding has 300 rows") as string,
      }),
    );
  });

  test("a begin token beyond the embedding is refused", () => {
    const special_tokens = { "<s>": { id: "<s>", ids: [5_000], tokens: ["<s>"] } };
    const post_processor = { ...(good["post_processor"] as Json), special_tokens };
    expect(() => parse(withPart({ post_processor }))).toThrow(
      expect.objectContaining({ code: "vocabulary-mismatch" }),
    );
  });
});

describe("refused texts", () => {
  test("a text is refused when normalizers expand it beyond the limit", () => {
    const double = { type: "Replace", pattern: { String: "a" }, content: "aa" };
    const normalizer = { type: "Sequence", normalizers: Array.from({ length: 60 }, () => double) };
    const tokenizer = parse(withPart({ normalizer }));
    expect(() => tokenizer.encode("a")).toThrow(/Its normalizer makes \d+ characters of 1/);
  });

  test("a text without a Unigram token is refused when there is no unknown token", () => {
    const model = { ...tinyUnigram, unk_id: null };
    const [tokens, added_tokens] = [[["</s>", -3], ...model.vocab], []];
    const json = {
      ...good,
      model: { ...model, vocab: tokens },
      added_tokens,
      post_processor: null,
    };
    expect(() => parse(JSON.stringify(json)).encode("b")).toThrow(/unk_id is missing/);
  });
});

describe("keys of JavaScript's prototypes", () => {
  test("keys of JavaScript's prototypes are ordinary tokens and modify no object", () => {
    const evil = text
      .replace('"vocab":{', '"vocab":{"__proto__":320,"constructor":321,"toString":322,')
      .replace('"version"', '"__proto__":{"polluted":true},"version"');
    const tokenizer = parse(evil, 323);
    expect(({} as Json)["polluted"]).toBeUndefined();
    expect(tokenizer.decode([320, 321, 322])).toBe("__proto__constructortoString");
    expect(tokenizer.decode(tokenizer.encode("__proto__ toString"))).toBe("__proto__ toString");
  });

  test("keys of JavaScript's prototypes are not special tokens", () => {
    const files = { "special_tokens_map.json": '{"__proto__": {"bos_token": "x"}}' };
    const texts = new Map(Object.entries({ "tokenizer.json": text, ...files }));
    const parts = readTokenizerFiles(texts, [1]);
    expect(parseTokenizer(parts, 320)).toMatchObject({ eosText: "</s>" });
    expect(({} as Json)["bos_token"]).toBeUndefined();
  });
});
