// The pre-tokenizers of tokenizer.json: split a normalised text into the words that the model
// tokenises.
// Source: tokenizers/src/pre_tokenizers/*.rs.
import { bytesToLetters } from "./byte-letters.ts";
import type { Field } from "./field.ts";
import { maxSteps } from "./normalizer.ts";
import { compilePattern } from "./pattern.ts";
import { behaviors, literalPattern, readPattern, split, type Behavior } from "./splitting.ts";

/** @param isFirst whether the piece is the start of the text */
export type Cut = (text: string, isFirst: boolean) => string[];

const types = [
  "Sequence",
  "ByteLevel",
  "Metaspace",
  "Split",
  "Digits",
  "Punctuation",
  "Whitespace",
  "WhitespaceSplit",
  "CharDelimiterSplit",
  "FixedLength",
] as const;

const maxDepth = 8;

/** GPT-2's pattern, which `ByteLevel` uses. */
const words = compilePattern(
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
);
const digit = /\p{N}/gu;
const whiteSpace = /\p{White_Space}/gu;
const wordsOrSigns = compilePattern(String.raw`[\w]+|[^\w\s]+`);
const punctuation = /[\p{P}!-/:-@[-`{-~]/gu;

/** Reads the pre-tokenizer; without one, the whole text is one word. */
export function readPreTokenizer(field: Field): Cut {
  const cuts = field.isGiven ? readCuts(field, 0) : [];
  if (cuts.length > maxSteps) {
    throw field.fault(`has ${cuts.length} steps, more than ${maxSteps}`);
  }
  return (text, isFirst) =>
    cuts.reduce<string[]>(
      (pieces, cut) => pieces.flatMap((piece, index) => cut(piece, isFirst && index === 0)),
      [text],
    );
}

function readCuts(field: Field, depth: number): Cut[] {
  if (depth > maxDepth) {
    throw field.fault(`nests deeper than ${maxDepth}`);
  }
  const type = field.at("type").oneOf(types);
  if (type !== "Sequence") {
    return [readCut(type, field)];
  }
  const items = field.at("pretokenizers").items();
  if (items.length > maxSteps) {
    throw field.at("pretokenizers").fault(`has ${items.length} steps, more than ${maxSteps}`);
  }
  return items.flatMap((item) => readCuts(item, depth + 1));
}

function readCut(type: Exclude<(typeof types)[number], "Sequence">, field: Field): Cut {
  switch (type) {
    case "ByteLevel":
      return readByteLevel(field);
    case "Metaspace":
      return readMetaspace(field);
    case "Split": {
      const pattern = readPattern(field.at("pattern"));
      const behavior = field.at("behavior").oneOf(behaviors);
      const isInverted = field.at("invert").flag(false);
      return (text) => split(text, pattern, behavior, isInverted);
    }
    case "Digits": {
      const behavior: Behavior = field.at("individual_digits").flag(false)
        ? "Isolated"
        : "Contiguous";
      return (text) => split(text, digit, behavior);
    }
    case "Punctuation": {
      const given = field.at("behavior");
      const behavior = given.isGiven ? given.oneOf(behaviors) : "Isolated";
      return (text) => split(text, punctuation, behavior);
    }
    case "Whitespace":
      return (text) => split(text, wordsOrSigns, "Removed", true);
    case "WhitespaceSplit":
      return (text) => split(text, whiteSpace, "Removed");
    case "CharDelimiterSplit": {
      const delimiter = literalPattern(field.at("delimiter").text());
      return (text) => split(text, delimiter, "Removed");
    }
    case "FixedLength": {
      const length = Math.max(1, field.at("length").count(1_000_000));
      const pattern = new RegExp(`[\\s\\S]{1,${length}}`, "gv");
      return (text) => text.match(pattern) ?? [];
    }
  }
}

/** ByteLevel: words as bytes, each byte written as one letter. */
function readByteLevel(field: Field): Cut {
  const addsSpace = field.at("add_prefix_space").flag(true);
  const cutsWords = field.at("use_regex").flag(true);
  return (text) => {
    const spaced = addsSpace && !text.startsWith(" ") ? ` ${text}` : text;
    return (cutsWords ? split(spaced, words, "Isolated") : [spaced]).map(bytesToLetters);
  };
}

/** Metaspace: spaces become a visible sign, one is prepended, and words start with it. */
function readMetaspace(field: Field): Cut {
  const sign = field.at("replacement").isGiven ? field.at("replacement").text() : "\u2581";
  const scheme = prependScheme(field);
  const cutsWords = field.at("split").flag(true);
  const pattern = literalPattern(sign);
  return (text, isFirst) => {
    const replaced = text.replaceAll(" ", () => sign);
    const isPrefixed =
      !replaced.startsWith(sign) && (scheme === "always" || (scheme === "first" && isFirst));
    const whole = isPrefixed ? sign + replaced : replaced;
    return cutsWords ? split(whole, pattern, "MergedWithNext") : [whole];
  };
}

/** Older files have `add_prefix_space` instead of `prepend_scheme`. */
export function prependScheme(field: Field): "first" | "never" | "always" {
  const scheme = field.at("prepend_scheme");
  if (scheme.isGiven) {
    return scheme.oneOf(["first", "never", "always"]);
  }
  return field.at("add_prefix_space").flag(true) ? "always" : "never";
}
