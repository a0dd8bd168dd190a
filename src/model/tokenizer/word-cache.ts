// The tokens of words, found once a word: most words of a text have been met before.
import type { TokenModel, WordTokens } from "./bpe.ts";
import { Alignment, type TextStep } from "./normalize/alignment.ts";

/** A whole text that is one word (Gemma) is not kept. */
const maxKeptLength = 64;
/** Words of one generation. Two take some 30 MB; 16 MB of prose and code have 110,000 words. */
const maxKeptWords = 2 ** 15;

/**
 * The tokens of a word as it was cut from a text, with their places in it.
 * @param changes what happens to the word before the model has it
 * @param maxWords words of one generation; two are kept
 */
export function wordEncoder(
  changes: readonly TextStep[],
  model: Pick<TokenModel, "tokenize">,
  maxWords = maxKeptWords,
): (word: string) => WordTokens {
  return kept(maxWords, (word) => {
    let text = word;
    let alignment: Alignment | null = null;
    for (const step of changes) {
      const changed = step.apply(text);
      const sources = changed === text ? null : step.sourcesOf(text, changed);
      if (sources !== null) {
        alignment = (alignment ?? Alignment.of(text)).changed(sources);
      }
      text = changed;
    }
    const tokens = model.tokenize(text);
    const { ids, begins, ends } = tokens;
    const origin = alignment;
    return origin === null
      ? tokens
      : {
          ids,
          begins: begins.map((unit) => origin.beginOf(unit)),
          ends: ends.map((unit) => origin.endOf(unit)),
        };
  });
}

/**
 * Keeps results in two generations: when the younger one is full, the older one is dropped, and
 * with it the words that were not met meanwhile.
 */
function kept(
  maxWords: number,
  encode: (word: string) => WordTokens,
): (word: string) => WordTokens {
  let young = new Map<string, WordTokens>();
  let old = new Map<string, WordTokens>();
  return (word) => {
    const known = young.get(word);
    if (known !== undefined) {
      return known;
    }
    const tokens = old.get(word) ?? encode(word);
    if (word.length <= maxKeptLength) {
      if (young.size >= maxWords) {
        [old, young] = [young, new Map<string, WordTokens>()];
      }
      young.set(copyOf(word), tokens);
    }
    return tokens;
  };
}

/** V8 keeps the whole text alive for a piece that was cut from it, but not for a copy. */
function copyOf(word: string): string {
  return word.split("").join("");
}
