// Cutting at literal texts: every sign stands for itself, whatever it means in a pattern.
import { describe, expect, test } from "vitest";
import { literalPattern, split } from "../../../../src/model/tokenizer/splitting.ts";

const signs = [...Array.from({ length: 128 }, (_, code) => String.fromCharCode(code)), "\ud83d"];

describe("a literal text", () => {
  test("a literal text is matched literally, even with the special characters of patterns", () => {
    for (const sign of [...signs, "--", "&&", "a-b", "[a-z]", "$1", "\u{1f600}"]) {
      const parts = split(`\u00e9${sign}\u00ff`, literalPattern(sign), "Isolated");
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
