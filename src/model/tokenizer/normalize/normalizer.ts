// The normalizers of tokenizer.json: Unicode forms, replacements, case and sentencepiece's table.
// Source: tokenizers/src/normalizers/*.rs.
import { Alignment, SourceList, type TextStep } from "./alignment.ts";
import { badTokenizer, type Field } from "../field.ts";
import { readPrecompiled } from "./precompiled.ts";
import { readPattern } from "../splitting.ts";
import { prefixing, removal, replacement } from "./text-steps.ts";
import { sourcesOfForm, type UnicodeForm } from "./unicode-form.ts";

/** A normalised text; `alignment` is null where the text did not change or nobody asked. */
export interface NormalizedText {
  text: string;
  alignment: Alignment | null;
}

export type Normalizer = (text: string, isTraced: boolean) => NormalizedText;

const types = [
  "Sequence",
  "NFC",
  "NFD",
  "NFKC",
  "NFKD",
  "Nmt",
  "Lowercase",
  "Strip",
  "StripAccents",
  "Replace",
  "Prepend",
  "Precompiled",
  "BertNormalizer",
  "ByteLevel",
] as const;

/**
 * Real files have at most ten steps, one level deep. The limits protect stack and time from hostile
 * files.
 */
const maxDepth = 8;
export const maxSteps = 100;
/** NFKD expands one character to 18, a table to more. Beyond this factor it is an attack. */
const maxGrowth = 64;

/** @returns the steps in order; none where the field is null */
export function readNormalizer(field: Field): Normalizer {
  const steps = field.isGiven ? readSteps(field, 0) : [];
  if (steps.length > maxSteps) {
    throw field.fault(`has ${steps.length} steps, more than ${maxSteps}`);
  }
  return (text, isTraced) => {
    const limit = (text.length + 64) * maxGrowth;
    let normalized = text;
    let alignment: Alignment | null = null;
    for (const step of steps) {
      const changed = step.apply(normalized);
      if (changed.length > limit) {
        throw badTokenizer(
          "tokenizer.json",
          `Its normalizer makes ${changed.length} characters of ${text.length}`,
        );
      }
      const sources =
        isTraced && changed !== normalized ? step.sourcesOf(normalized, changed) : null;
      if (sources !== null) {
        alignment = (alignment ?? Alignment.of(normalized)).changed(sources);
      }
      normalized = changed;
    }
    return { text: normalized, alignment };
  };
}

function readSteps(field: Field, depth: number): TextStep[] {
  if (depth > maxDepth) {
    throw field.fault(`nests deeper than ${maxDepth}`);
  }
  const type = field.at("type").oneOf(types);
  if (type !== "Sequence") {
    return [readStep(type, field)];
  }
  const items = field.at("normalizers").items();
  if (items.length > maxSteps) {
    throw field.at("normalizers").fault(`has ${items.length} steps, more than ${maxSteps}`);
  }
  return items.flatMap((item) => readSteps(item, depth + 1));
}

function readStep(type: Exclude<(typeof types)[number], "Sequence">, field: Field): TextStep {
  switch (type) {
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return unicodeForm(type);
    case "Nmt":
      return nmt;
    case "Lowercase":
      return lowercase;
    case "Strip":
      return readStrip(field);
    case "StripAccents":
      return removal(/\p{M}/gu);
    case "Replace":
      return replacement(readPattern(field.at("pattern")), field.at("content").text());
    case "Prepend":
      return prefixing(field.at("prepend").text());
    case "Precompiled":
      return readPrecompiled(field.at("precompiled_charsmap"));
    case "BertNormalizer":
    case "ByteLevel":
      throw field
        .at("type")
        .fault(`is ${type}, which is not supported; no decoder-only model uses it`);
  }
}

function unicodeForm(form: UnicodeForm): TextStep {
  return {
    apply: (text) => text.normalize(form),
    sourcesOf: (text) => sourcesOfForm(text, form),
  };
}

function readStrip(field: Field): TextStep {
  const isLeft = field.at("strip_left").flag(false);
  const isRight = field.at("strip_right").flag(false);
  const left = (text: string) => (isLeft ? text.replace(/^\p{White_Space}+/u, "") : text);
  return {
    apply: (text) => (isRight ? left(text).replace(/\p{White_Space}+$/u, "") : left(text)),
    sourcesOf(text, changed) {
      const begin = text.length - left(text).length;
      return Int32Array.from({ length: changed.length }, (_, unit) => begin + unit);
    },
  };
}

/** Lower-cases each character alone, so that a final sigma is not special. */
const lowercase: TextStep = {
  apply: (text) => Array.from(text, (character) => character.toLowerCase()).join(""),
  sourcesOf(text) {
    const list = new SourceList();
    let unit = 0;
    for (const character of text) {
      list.repeat(unit, character.toLowerCase().length);
      unit += character.length;
    }
    return list.all();
  },
};

// eslint-disable-next-line no-control-regex -- these are the dropped characters
const droppedSigns = removal(/[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/g);
const spaceSigns = replacement(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, " ");

/** Drops characters and replaces others with spaces, as sentencepiece's nmt rules do. */
const nmt: TextStep = {
  apply: (text) => spaceSigns.apply(droppedSigns.apply(text)),
  sourcesOf: (text) => droppedSigns.sourcesOf(text, ""),
};
