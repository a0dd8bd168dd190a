// Oniguruma's regular expressions in JavaScript's: what matches, piece by piece. Sets of characters
// over all of Unicode were compared with Python when this was written; ids that depend on them are
// in golden.test.ts.
import { describe, expect, test } from "vitest";
import { compilePattern } from "../../../../src/model/tokenizer/pattern/pattern.ts";

const matches = (pattern: string, text: string) => text.match(compilePattern(pattern));

describe("translated patterns", () => {
  test.each([
    [
      "white space is that of Unicode",
      String.raw`\s+`,
      "a\u0085\ufeff\u00a0b",
      ["\u0085", "\u00a0"],
    ],
    ["digits are those of Unicode", String.raw`\d+`, "1\u0662\u00b2", ["1\u0662"]],
    [
      "word characters include the numbers of Latin-1",
      String.raw`\w+`,
      "a\u00e9_1\u00b2-b",
      ["aé_1²", "b"],
    ],
    [
      "a class of word characters lacks the numbers of Latin-1",
      String.raw`[\w]+`,
      "a\u00b2b",
      ["a", "b"],
    ],
    ["a dot stops at \\n alone", ".+", "a\rb\u2028c\nd", ["a\rb\u2028c", "d"]],
    ["lines begin and end at \\n", "^.|.$", "ab\ncd", ["a", "b", "c", "d"]],
    ["a case flag applies to its group", "(?i:ab)c", "ABc abC aBc", ["ABc", "aBc"]],
    [
      "s and k each have a third case",
      "'(?i:s|k)",
      "'\u017f '\u212a '\u00df",
      ["'\u017f", "'\u212a"],
    ],
    ["classes ignore case under the flag", "(?i:[a-c])", "aBCd", ["a", "B", "C"]],
    ["a possessive repeat does not backtrack", "a++a|b?+b|c*+c", "aaa b c", null],
    ["an atomic group does not backtrack", "(?>a|ab)c", "abc ac", ["ac"]],
    ["{2}+ is repeated, not possessive", "(?:a{2}+)b", "aaaab aaab", ["aaaab", "aab"]],
    ["{,2} begins at zero", "ab{,2}c", "ac abc abbc abbbc", ["ac", "abc", "abbc"]],
    ["a brace that counts nothing is a brace", "a{x}", "a{x}", ["a{x}"]],
    ["classes intersect", String.raw`[\p{L}&&[^a-c]]+`, "abcdéf", ["déf"]],
    ["classes nest", "[a[bc]-]+", "a-cd", ["a-c"]],
    ["POSIX classes are Unicode's", "[[:alpha:]]+|[[:^space:]]", "é1 ", ["é", "1"]],
    ["properties may be negated", String.raw`\p{^L}|\P{L}`, "a1", ["1"]],
    ["scripts need no prefix", String.raw`\p{Han}+`, "日本go", ["日本"]],
    ["lookarounds have no width", String.raw`(?<=a)b(?=c)|\s+(?!\S)`, "abc  ", ["b", "  "]],
    [
      "characters may be written as numbers",
      String.raw`\x41\x{1F600}\u00e9`,
      "A\u{1F600}é",
      ["A\u{1F600}é"],
    ],
    ["a bracket first in a class is a member", "[]a]+", "a]", ["a]"]],
    ["signs are literal in a class", "[-~!@#$%^*|(){}/]+", "a(~|){}/b", ["(~|){}/"]],
  ])("a translated pattern matches as in Oniguruma, %s: %s", (_, pattern, text, expected) => {
    const found = matches(pattern, text);
    expect(found === null ? null : [...found]).toEqual(expected);
  });
});

describe("invalid patterns", () => {
  test.each([
    ["is not closed", "(a", /a group is not closed/],
    ["closes nothing", "a)", /\) at 1 closes nothing/],
    ["repeats nothing", "*a", /there is nothing before the \*/],
    ["has an open class", "[a", /class at 0 is not closed/],
    ["has an empty class", "[a&&]", /class at 0 is empty/],
    ["has a range without order", "[z-a]", /has no order/],
    ["has an unknown escape", String.raw`\K`, /\\K is not supported/],
    ["has an unknown group", "(?~a)", /group at 0 is of an unknown kind/],
    ["has an unknown POSIX class", "[[:odd:]]", /not supported/],
    ["ends in the middle", "a\\", /ends too early/],
  ])("a pattern is refused when it %s", (_, pattern, message) => {
    expect(() => compilePattern(pattern)).toThrow(SyntaxError);
    expect(() => compilePattern(pattern)).toThrow(message);
  });
});
