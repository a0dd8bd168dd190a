// Ids and texts of a tokenizer of each family, against Hugging Face tokenizers on 241 texts chosen
// to be difficult.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { Field } from "../../../../src/model/tokenizer/field.ts";
import { readPipeline } from "../../../../src/model/tokenizer/pipeline.ts";
import { families, folder, goldenOf, offsetsOf, strings, tokenizerJson } from "./goldens.ts";

/** The places as UTF-16 indices. */
function unitsOf(text: string, offsets: readonly number[]): [number, number][] {
  const unitOf = [0];
  for (const character of text) {
    unitOf.push((unitOf.at(-1) ?? 0) + character.length);
  }
  const places: [number, number][] = [];
  let last = 0;
  for (let index = 0; index < offsets.length; index += 2) {
    const begin = last + offsets[index]!;
    last = begin + offsets[index + 1]!;
    places.push([unitOf[begin]!, unitOf[last]!]);
  }
  return places;
}

test("the goldens have at least 200 different texts", () => {
  expect(new Set(strings).size).toBeGreaterThanOrEqual(200);
});

describe.each(families)("the tokenizer %s", async (name) => {
  const golden = await goldenOf(name);
  const places = await offsetsOf(name);
  const json = await tokenizerJson(name, golden.source);
  const tokenizer = readPipeline(new Field(json, "tokenizer.json"), 2 ** 21);

  test("the tokenizer gives Python's ids for every text", () => {
    expect(golden.ids).toHaveLength(strings.length);
    const wrong = strings.flatMap((text, index) => {
      const ids = tokenizer.encode(text, false);
      return String(ids) === String(golden.ids[index])
        ? []
        : [{ index, text, ids, python: golden.ids[index] }];
    });
    expect(wrong).toEqual([]);
  });

  test("the tokenizer adds the special tokens that Python adds", () => {
    for (const [index, text] of strings.entries()) {
      const ids = golden.ids[index]!;
      expect(tokenizer.encode(text, true)).toEqual([...golden.before, ...ids, ...golden.after]);
    }
  });

  test("the tokenizer gives each token the place that Python gives it", () => {
    expect(golden.ids).toHaveLength(places.offsets.length);
    const wrong = strings.flatMap((text, index) => {
      const encoded = tokenizer.encodeWithOffsets(text, true);
      expect(encoded.tokens).toEqual(tokenizer.encode(text, true));
      const python = unitsOf(text, places.offsets[index]!);
      const own = encoded.begins.map((begin, token) => [begin, encoded.ends[token]]);
      return JSON.stringify(own) === JSON.stringify(python) ? [] : [{ index, text, own, python }];
    });
    expect(wrong).toEqual([]);
  });

  test("the tokenizer gives the same tokens with and without places", () => {
    for (const text of strings) {
      const { tokens, begins, ends } = tokenizer.encodeWithOffsets(text, false);
      expect(tokens).toEqual(tokenizer.encode(text, false));
      expect([begins.length, ends.length]).toEqual([tokens.length, tokens.length]);
    }
  });

  test("the tokenizer decodes texts as Python does", () => {
    for (const [index, text] of strings.entries()) {
      const back = tokenizer.decode(golden.ids[index]!, false);
      expect({ text, back }).toEqual({ text, back: golden.decoded[index] ?? text });
    }
  });

  test("the tokenizer decodes arbitrary ids as Python does, with and without special tokens", () => {
    for (const { ids, text, plain } of golden.lists) {
      expect({ ids, text: tokenizer.decode(ids, false) }).toEqual({ ids, text });
      expect({ ids, text: tokenizer.decode(ids, true) }).toEqual({ ids, text: plain });
    }
  });

  test("the tokenizer reads a lone surrogate as the replacement character", () => {
    expect(tokenizer.encode("a\ud800b\udc00", false)).toEqual(
      tokenizer.encode("a\ufffdb\ufffd", false),
    );
  });

  test("the tokenizer's goldens have the hash of the stored texts", async () => {
    const text = await readFile(new URL("strings.json", folder), "utf8");
    expect(createHash("sha256").update(text).digest("hex")).toBe(golden.stringsSha256);
  });
});
