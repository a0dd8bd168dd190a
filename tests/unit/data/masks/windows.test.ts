// Windows of a long text: all of it, none of it twice, at most maxLength tokens each, cut at good
// places.
import { beforeAll, describe, expect, test } from "vitest";
import { ExampleTokenizer } from "../../../../src/data/masks/examples.ts";
import { windowsOf } from "../../../../src/data/masks/windows.ts";
import type { TextTokenizer } from "../../../../src/data/tokenizer.ts";
import { uniforms } from "../../../../src/util/random.ts";
import { openTokenizer, tokenizerFolders, type TokenizerName } from "../tokenizers.ts";

const names = Object.keys(tokenizerFolders) as TokenizerName[];
const tokenizers = new Map<TokenizerName, TextTokenizer>();

beforeAll(async () => {
  for (const name of names) {
    tokenizers.set(name, await openTokenizer(name));
  }
});

const named = (name: TokenizerName) => tokenizers.get(name)!;
const parts = [
  ...["\n", "\n\n", "\n\n\n", " ", "  ", "\t", " \n \n", ".", "<|endoftext|>", "</s>", "\u00a0"],
  ...["😀", "👩‍🔧", "ä", "日本語の文です", "e\u0301", "The tailor sews", "x".repeat(90), "0", "ß𝒳𝒴𝒵"],
];

/** Of 1 to 120 parts, some of which have no place to cut. */
function randomText(seed: number): string {
  const numbers = uniforms(seed, 7, 121);
  const chosen = numbers.subarray(1, 2 + Math.floor((numbers[0] ?? 0) * 120));
  return Array.from(chosen, (number) => parts[Math.floor(number * parts.length)]).join("");
}

describe.each(names)("windowsOf with the tokenizer %s", (name) => {
  test("gives windows that are the text when joined, each within maxLength", () => {
    const { eosText } = named(name);
    for (let seed = 0; seed < 150; seed++) {
      const text = randomText(seed);
      const maxLength = 8 + (seed % 50);
      const windows = windowsOf(text, eosText, named(name), maxLength);
      expect(windows.map((window) => window.text).join("")).toBe(text + eosText);
      for (const { text: own, encoded } of windows) {
        expect(own).not.toMatch(/[\ud800-\udfff]/u);
        expect(encoded).toEqual(named(name).encodeWithOffsets(own, true));
        expect(encoded.tokens.length).toBeLessThanOrEqual(maxLength);
      }
    }
  });

  test("gives a text that fits as one window, with its end", () => {
    const [window, ...more] = windowsOf("A tailor sews.", "", named(name), 1000);
    expect(more).toEqual([]);
    expect(window?.encoded).toEqual(named(name).encodeWithOffsets("A tailor sews.", true));
  });
});

const sentence = "The tailor sews a coat of wool for the captain of the ship";
const cuts: [where: string, text: string, separator: RegExp][] = [
  ["blank lines", `${sentence}.\nAnd so on.\n\n`.repeat(9), /\n\n$/],
  ["line ends", `${sentence}, and so on.\n`.repeat(9), /\n$/],
  ["spaces", `${sentence} `.repeat(9), /\S$/],
];
test.each(cuts)("a window ends at %s where the text has some", (_, text, separator) => {
  const windows = windowsOf(text, "", named("demo"), 64).map((window) => window.text);
  expect(windows.length).toBeGreaterThan(2);
  windows.slice(0, -1).forEach((window) => {
    expect(window).toMatch(separator);
  });
  expect(windows.slice(1).every((window) => /^(The| )/.test(window))).toBe(true);
});

describe("a text example with windows", () => {
  const example = {
    ...{ kind: "text" as const, text: `${sentence}.\n\n`.repeat(9), line: 1, file: 0 },
    windows: { continues: false },
  };
  const options = {
    maxLength: 40,
    completionOnly: true,
    multiTurn: "whole" as const,
    template: "auto" as const,
  };

  test("trains all tokens of all windows, and the end of sequence once", async () => {
    const { eosText } = named("demo");
    const { texts, left } = await new ExampleTokenizer(named("demo"), options).preview(example);
    expect(left).toBeNull();
    expect(texts.flatMap(({ trainedTexts }) => trainedTexts).join("")).toBe(example.text + eosText);
    expect(texts.every(({ tokens, fullLength }) => tokens.length === fullLength)).toBe(true);
  });

  test("ends with no end of sequence where it goes on in the next row", async () => {
    const continued = { ...example, windows: { continues: true } };
    const { texts } = await new ExampleTokenizer(named("demo"), options).preview(continued);
    expect(texts.flatMap(({ trainedTexts }) => trainedTexts).join("")).toBe(example.text);
  });

  test("is cut into windows of windowLength, where rows are not cut", async () => {
    const uncut = { ...options, maxLength: Infinity, windowLength: 40 };
    const [row] = await new ExampleTokenizer(named("demo"), uncut).tokenize([example]);
    const [preview] = await new ExampleTokenizer(named("demo"), options).tokenize([example]);
    expect(row).toEqual(preview);
  });
});
