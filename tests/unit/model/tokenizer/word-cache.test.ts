// Words that were met are not tokenised again, and those of old are forgotten.
import { describe, expect, test } from "vitest";
import { Field } from "../../../../src/model/tokenizer/field.ts";
import { replacement } from "../../../../src/model/tokenizer/normalize/text-steps.ts";
import { readPipeline } from "../../../../src/model/tokenizer/pipeline.ts";
import { wordEncoder } from "../../../../src/model/tokenizer/word-cache.ts";
import { goldenOf, strings, tokenizerJson } from "./goldens.ts";

/** One token a unit, the unit itself; counts its calls. */
class CountingModel {
  readonly words: string[] = [];

  tokenize(word: string) {
    this.words.push(word);
    const ids = Array.from(word, (unit) => unit.charCodeAt(0));
    return { ids, begins: ids.map((_, at) => at), ends: ids.map((_, at) => at + 1) };
  }
}

describe("the cache of words", () => {
  test("a word is tokenised once", () => {
    const model = new CountingModel();
    const encode = wordEncoder([], model);
    expect([encode("ab"), encode("b"), encode("ab")].map(({ ids }) => ids)).toEqual([
      [97, 98],
      [98],
      [97, 98],
    ]);
    expect(model.words).toEqual(["ab", "b"]);
  });

  test("the cache forgets the words that were not met for two generations, and gives equal tokens anew", () => {
    const model = new CountingModel();
    const encode = wordEncoder([], model, 2);
    const first = encode("a");
    for (const word of ["b", "c", "a", "d", "e"]) {
      encode(word); // a, b | c, a | d, e: a was met in the second generation
    }
    expect(model.words).toEqual(["a", "b", "c", "d", "e"]);
    expect(encode("a")).toEqual(first);
    expect(model.words).toHaveLength(5);
    encode("f");
    encode("b");
    expect(model.words.slice(5)).toEqual(["f", "b"]);
  });

  test("a word of more than 64 units is not kept", () => {
    const model = new CountingModel();
    const encode = wordEncoder([], model);
    for (const length of [64, 64, 65, 65]) {
      encode("x".repeat(length));
    }
    expect(model.words.map(({ length }) => length)).toEqual([64, 65, 65]);
  });

  test("the places of a changed word's tokens are in the word as it was cut", () => {
    const encode = wordEncoder(
      [replacement(/b/g, "xyz"), replacement(/a/g, "")],
      new CountingModel(),
    );
    const { ids, begins, ends } = encode("abc");
    expect(String.fromCharCode(...ids)).toBe("xyzc");
    expect({ begins, ends }).toEqual({ begins: [1, 1, 1, 2], ends: [2, 2, 2, 3] });
    expect(encode("abc")).toEqual({ ids, begins, ends });
  });

  test("a tokenizer gives Python's ids while its cache overflows", async () => {
    const golden = await goldenOf("byte-level");
    const json = await tokenizerJson("byte-level", golden.source);
    const tokenizer = readPipeline(new Field(json, "tokenizer.json"), 2 ** 21);
    const wrong = () =>
      strings.filter((text, index) => {
        return String(tokenizer.encode(text, false)) !== String(golden.ids[index]);
      });
    expect(wrong()).toEqual([]);
    // Two generations and more, of words that no text has.
    for (let first = 0x4e00; first < 0x4e00 + 300; first++) {
      const unseen = Array.from({ length: 250 }, (_, at) =>
        String.fromCharCode(first, 0xac00 + at),
      );
      expect(tokenizer.encode(unseen.join(" "), false).length).toBeGreaterThan(250);
    }
    expect(wrong()).toEqual([]);
  });
});
