// Cutting at patterns: a literal text stands for itself, and isolated parts are those of a search
// through the whole text, whatever the pattern matches.
import { describe, expect, test } from "vitest";
import { compilePattern } from "../../../../src/model/tokenizer/pattern/pattern.ts";
import { literalPattern, splitter } from "../../../../src/model/tokenizer/splitting.ts";
import { families, goldenOf, strings, tokenizerJson } from "./goldens.ts";

const signs = [...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)), "\ud83d"];

describe("a literal text", () => {
  test("a literal text is matched literally, even with the special characters of patterns", () => {
    for (const sign of [...signs, "--", "&&", "a-b", "[a-z]", "$1", "\u{1f600}"]) {
      const parts = splitter(literalPattern(sign), "Isolated")(`\u00e9${sign}\u00ff`);
      const pieces = parts.map(({ text }) => text);
      expect(
        pieces.filter((piece) => piece === sign),
        JSON.stringify(sign),
      ).toHaveLength(1);
      expect(pieces.join("")).toBe(`\u00e9${sign}\u00ff`);
      const begins = pieces.map((_, index) => pieces.slice(0, index).join("").length);
      expect(parts.map(({ begin }) => begin)).toEqual(begins);
    }
  });
});

/** The matches and what is between them, by a search. */
function searched(text: string, pattern: RegExp): { text: string; begin: number }[] {
  const cuts = [...text.matchAll(pattern)].flatMap(({ 0: match, index }) => [
    index,
    index + match.length,
  ]);
  const places = [0, ...cuts, text.length];
  return places.slice(1).flatMap((end, index) => {
    const begin = places[index]!;
    return begin === end ? [] : [{ text: text.slice(begin, end), begin }];
  });
}

/** Every regular expression in a tokenizer.json. */
function patternsIn(json: unknown): string[] {
  const isObject = typeof json === "object" && json !== null;
  const own = isObject && "Regex" in json ? [String(json.Regex)] : [];
  return [...own, ...(isObject ? Object.values(json).flatMap(patternsIn) : [])];
}

describe("isolated parts", () => {
  test.each([
    ["matches with text between them", "b+", "abba\u{1f600}bbc"],
    ["no match", "x", "abc"],
    ["empty matches", "b*", "a\u{1f600}bba"],
    ["places", "(?=b)|(?<=c)", "abcb\u{1f600}b"],
    ["an empty text", "a|", ""],
    ["ends of lines", "$|^b", "a\nb\n"],
    ["halves of a pair", "[\ud800-\udfff]", "a\ud83db\u{1f600}\ude00"],
  ])("isolated parts are those of a search where a pattern matches %s", (_, source, text) => {
    const pattern = new RegExp(source, "gv");
    expect(splitter(pattern, "Isolated")(text)).toEqual(searched(text, pattern));
  });

  test("isolated parts do not depend on the text before", () => {
    const cut = splitter(/b/gu, "Isolated");
    expect(cut("aab").map(({ text }) => text)).toEqual(["aa", "b"]);
    expect(cut("ba").map(({ text }) => text)).toEqual(["b", "a"]);
  });

  test("isolated parts of all golden texts are those of a search, by the patterns of every golden tokenizer", async () => {
    const gpt2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
    const jsons = await Promise.all(
      families.map(async (name) => tokenizerJson(name, (await goldenOf(name)).source)),
    );
    const sources = new Set([
      gpt2,
      ...jsons.flatMap((json) => {
        const { pre_tokenizer } = json as { pre_tokenizer?: unknown };
        return patternsIn(pre_tokenizer);
      }),
    ]);
    expect(sources.size).toBeGreaterThanOrEqual(4);
    for (const pattern of [...sources].map(compilePattern)) {
      const cut = splitter(pattern, "Isolated");
      const wrong = strings.filter(
        (text) => JSON.stringify(cut(text)) !== JSON.stringify(searched(text, pattern)),
      );
      expect(wrong).toEqual([]);
    }
  });
});
