// What `npm run test:fuzz` has found, one input of each class: refused in words and at once.
import { describe, expect, test } from "vitest";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { integer, parseJson } from "../../../src/checkpoint/file/parse.ts";
import { migrate } from "../../../src/checkpoint/file/migrate.ts";
import { readPeftConfig } from "../../../src/export/peft/read-config.ts";
import { parseModelConfig } from "../../../src/model/config/parse.ts";
import { ConfigFields } from "../../../src/model/config/fields.ts";
import { openGguf } from "../../../src/model/gguf/open.ts";
import { parseQuantisation } from "../../../src/model/quantised/scheme.ts";
import { Field } from "../../../src/model/tokenizer/field.ts";
import { compilePattern } from "../../../src/model/tokenizer/pattern/pattern.ts";
import { decodeManifest } from "../../../src/sources/cache/cache-manifest.ts";
import { parseRecipe } from "../../../src/recipe/parse.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import { sha256Hex } from "../../../src/util/bytes.ts";
import { UserError } from "../../../src/util/errors.ts";
import { f32Tensor, number, str, writeGguf } from "../../support/gguf-writer.ts";

describe("a regular expression of tokenizer.json", () => {
  test.each([
    "(a+)+$",
    "(?:a|a)*b",
    "(a|b?)+c",
    "(?:a*)*?b",
    "(a{1,30}){1,30}b",
    "(a?){50}b",
    "a*a*a*a*a*b",
    "(?=(a+)+b)",
  ])("%s, which backtracks without end, is refused", (source) => {
    expect(() => compilePattern(source)).toThrow(SyntaxError);
  });

  test.each([
    // cl100k as some write it, o200k, DeepSeek: with all that real ones repeat.
    String.raw`(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s+`,
    String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{M}]*[\p{Ll}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\s+(?!\S)`,
    String.raw`[!"#$]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+`,
    String.raw`(?>a+)+b`,
    String.raw`(?:ab)+`,
  ])("%s, like those of real tokenizers, is accepted", (source) => {
    expect(compilePattern(source).flags).toBe("gv");
  });

  test("a repeated group of one to three digits splits like a single repetition", () => {
    for (const text of ["1234567", "12a345", "", "x"]) {
      const cut = (source: string) => Array.from(text.matchAll(compilePattern(source)), String);
      expect(cut(String.raw`\d{1,3}+`)).toEqual(cut(String.raw`\d+`));
      expect(cut(String.raw`\d{1,3}+7`)).toEqual(cut(String.raw`\d+7`));
    }
  });
});

test.each(["smollm3", "gemma2", "gemma3"])(
  "a GGUF file of kind %s with four billion layers is refused before a list of them is made",
  async (kind) => {
    const fields = {
      ...{ context_length: 64, embedding_length: 4, feed_forward_length: 4 },
      ...{ "attention.head_count": 2, block_count: 2 ** 32 - 1 },
    };
    const file = writeGguf({
      metadata: [
        ["general.architecture", str(kind)],
        ...Object.entries(fields).map(
          ([key, value]) => [`${kind}.${key}`, number("u32", value)] as const,
        ),
      ],
      tensors: [f32Tensor("token_embd.weight", [4, 2], new Float32Array(8))],
    });
    const opening = openGguf(
      blobSource(new Blob([new Uint8Array(file)]), "model.gguf"),
      new AbortController().signal,
    );
    await expect(opening).rejects.toThrow(UserError);
    await expect(opening).rejects.toThrow("4294967295; the limit is 1024");
  },
);

test("a stored model's manifest with a valid checksum that is not JSON counts as another version's", async () => {
  const text = '{"schema": "anneal-model-1", ';
  const sealed = new TextEncoder().encode((await sha256Hex(new TextEncoder().encode(text))) + text);
  expect(await decodeManifest(sealed)).toBe("foreign");
});

describe("a value nested deeper than JSON.stringify supports", () => {
  const deep = `${"[".repeat(20_000)}1${"]".repeat(20_000)}`;
  const refusals: Record<string, () => unknown> = {
    "a checkpoint's metadata": () => parseJson(deep, integer(0), "here"),
    "a config's size": () =>
      parseModelConfig(`{"model_type": "llama", "hidden_size": ${deep}, "vocab_size": 8}`),
    "a config's architecture": () => parseModelConfig(`{"architectures": [${deep}]}`),
    "a config's quantisation": () =>
      parseQuantisation(ConfigFields.parse(`{"quantization": {"bits": ${deep}}}`, "config.json")),
    "a recipe's rank": () => parseRecipe(JSON.parse(`{"rank": ${deep}}`), defaultRecipe),
    "a recipe's module": () =>
      parseRecipe(JSON.parse(`{"targetModules": [${deep}]}`), defaultRecipe),
    "a tokenizer's id": () => new Field(JSON.parse(deep), "tokenizer.json", "id").count(9),
  };

  test.each(Object.entries(refusals))("in %s is refused with a UserError", (_, action) => {
    expect(action).toThrow(UserError);
  });

  test("in an option of an adapter's config is an error of that option", () => {
    const config: unknown = JSON.parse(`{"use_dora": ${deep}, "r": ${deep}}`);
    expect(readPeftConfig(config)).toContainEqual(
      expect.stringMatching(/^use_dora is a value nested too deep/),
    );
  });

  test("in an old checkpoint passes the migration to the reader", () => {
    const metadata = new Map([
      ["schema", "1"],
      ["recipe", `{"rank": ${deep}}`],
    ]);
    expect(migrate(metadata, "old.safetensors").get("recipe")).toBe(metadata.get("recipe"));
  });
});

test("an object with a key toString is shown like any other", () => {
  const field = new Field(JSON.parse('{"toString": 1}'), "tokenizer.json", "id");
  expect(() => field.count(9)).toThrow('id is {"toString":1}, not a whole number');
});
