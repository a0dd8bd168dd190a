// The pre-tokenizers of tokenizer.json: split a normalised text into the words that the model
// tokenises.
// Source: tokenizers/src/pre_tokenizers/*.rs.
import { Alignment, sizeAt, SourceList, type TextStep } from "./normalize/alignment.ts";
import { bytesToLetters } from "./byte-letters.ts";
import type { Field } from "./field.ts";
import { maxSteps } from "./normalize/normalizer.ts";
import { compilePattern } from "./pattern/pattern.ts";
import {
  behaviors,
  literalPattern,
  readPattern,
  splitter,
  type Behavior,
  type Part,
} from "./splitting.ts";
import { replacement, startingWith } from "./normalize/text-steps.ts";

/** A word of a normalised text. */
export interface Word extends Part {
  /**
   * Where the units come from: unit `i` is unit `begin + i` of the aligned text, and of the
   * normalised text itself where this is null.
   */
  alignment: Alignment | null;
}

/** How a text is cut: whether it is the start of the whole text, whether offsets are wanted. */
interface CutOptions {
  isFirst: boolean;
  isTraced: boolean;
}

/** A step either splits a word or changes its letters. */
type CutStep =
  { split: (text: string) => readonly Part[] } | { change: TextStep; isOnlyFirst?: boolean };

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

export interface PreTokenizer {
  /** The words of a text as they are in it. */
  cut: (text: string, options: CutOptions) => Word[];
  /** Changes of each word by itself, which come after all cuts. */
  changes: readonly TextStep[];
}

/** Reads the pre-tokenizer; without one, the whole text is one word. */
export function readPreTokenizer(field: Field): PreTokenizer {
  const steps = field.isGiven ? readCuts(field, 0) : [];
  if (steps.length > maxSteps) {
    throw field.fault(`has ${steps.length} steps, more than ${maxSteps}`);
  }
  const cuts = steps.findLastIndex((step) => "split" in step || step.isOnlyFirst === true) + 1;
  return {
    cut: (text, options) => cutText(text, steps.slice(0, cuts), options),
    changes: steps.slice(cuts).flatMap((step) => ("change" in step ? [step.change] : [])),
  };
}

function cutText(
  text: string,
  steps: readonly CutStep[],
  { isFirst, isTraced }: CutOptions,
): Word[] {
  let words: Word[] = [{ text, begin: 0, alignment: null }];
  for (const step of steps) {
    if ("split" in step) {
      words = words.flatMap((word) => splitWord(word, step.split));
    } else {
      const { change, isOnlyFirst = false } = step;
      words = words.map((word, index) =>
        isOnlyFirst && !(isFirst && index === 0) ? word : changeWord(word, change, isTraced),
      );
    }
  }
  return words;
}

function splitWord(word: Word, cut: (text: string) => readonly Part[]): Word[] {
  return cut(word.text).map(({ text, begin }) => ({
    text,
    begin: word.begin + begin,
    alignment: word.alignment,
  }));
}

function changeWord(word: Word, step: TextStep, isTraced: boolean): Word {
  const { begin, alignment } = word;
  const text = step.apply(word.text);
  const sources = isTraced && text !== word.text ? step.sourcesOf(word.text, text) : null;
  if (sources === null) {
    return { text, begin, alignment };
  }
  const before = alignment?.from(begin) ?? Alignment.of(word.text, begin);
  return { text, begin: 0, alignment: before.changed(sources) };
}

function readCuts(field: Field, depth: number): CutStep[] {
  if (depth > maxDepth) {
    throw field.fault(`nests deeper than ${maxDepth}`);
  }
  const type = field.at("type").oneOf(types);
  if (type !== "Sequence") {
    return readCut(type, field);
  }
  const items = field.at("pretokenizers").items();
  if (items.length > maxSteps) {
    throw field.at("pretokenizers").fault(`has ${items.length} steps, more than ${maxSteps}`);
  }
  return items.flatMap((item) => readCuts(item, depth + 1));
}

function readCut(type: Exclude<(typeof types)[number], "Sequence">, field: Field): CutStep[] {
  switch (type) {
    case "ByteLevel":
      return readByteLevel(field);
    case "Metaspace":
      return readMetaspace(field);
    case "Split": {
      const pattern = readPattern(field.at("pattern"));
      const behavior = field.at("behavior").oneOf(behaviors);
      const isInverted = field.at("invert").flag(false);
      return [{ split: splitter(pattern, behavior, isInverted) }];
    }
    case "Digits": {
      const behavior: Behavior = field.at("individual_digits").flag(false)
        ? "Isolated"
        : "Contiguous";
      return [{ split: splitter(digit, behavior) }];
    }
    case "Punctuation": {
      const given = field.at("behavior");
      const behavior = given.isGiven ? given.oneOf(behaviors) : "Isolated";
      return [{ split: splitter(punctuation, behavior) }];
    }
    case "Whitespace":
      return [{ split: splitter(wordsOrSigns, "Removed", true) }];
    case "WhitespaceSplit":
      return [{ split: splitter(whiteSpace, "Removed") }];
    case "CharDelimiterSplit": {
      const delimiter = literalPattern(field.at("delimiter").text());
      return [{ split: splitter(delimiter, "Removed") }];
    }
    case "FixedLength": {
      const length = Math.max(1, field.at("length").count(1_000_000));
      const pattern = new RegExp(`[\\s\\S]{1,${length}}`, "gv");
      return [{ split: splitter(pattern, "Isolated") }];
    }
  }
}

/** ByteLevel: words as bytes, each byte written as one letter. */
function readByteLevel(field: Field): CutStep[] {
  const addsSpace = field.at("add_prefix_space").flag(true);
  const cutsWords = field.at("use_regex").flag(true);
  return [
    ...(addsSpace ? [{ change: startingWith(" ") }] : []),
    ...(cutsWords ? [{ split: splitter(words, "Isolated") }] : []),
    { change: letters },
  ];
}

/** Metaspace: spaces become a visible sign, one is prepended, and words start with it. */
function readMetaspace(field: Field): CutStep[] {
  const sign = field.at("replacement").isGiven ? field.at("replacement").text() : "\u2581";
  const scheme = prependScheme(field);
  const cutsWords = field.at("split").flag(true);
  const pattern = literalPattern(sign);
  return [
    { change: replacement(/ /g, sign) },
    ...(scheme === "never"
      ? []
      : [{ change: startingWith(sign), isOnlyFirst: scheme === "first" }]),
    ...(cutsWords ? [{ split: splitter(pattern, "MergedWithNext") }] : []),
  ];
}

/** The bytes of a character all stand for it. */
const letters: TextStep = {
  apply: bytesToLetters,
  sourcesOf(text, changed) {
    if (changed.length === text.length) {
      return null;
    }
    const list = new SourceList();
    for (let unit = 0; unit < text.length; unit += sizeAt(text, unit)) {
      list.repeat(unit, bytesOf(text.codePointAt(unit) ?? 0));
    }
    return list.all();
  },
};

function bytesOf(code: number): number {
  return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

/** Older files have `add_prefix_space` instead of `prepend_scheme`. */
export function prependScheme(field: Field): "first" | "never" | "always" {
  const scheme = field.at("prepend_scheme");
  if (scheme.isGiven) {
    return scheme.oneOf(["first", "never", "always"]);
  }
  return field.at("add_prefix_space").flag(true) ? "always" : "never";
}
