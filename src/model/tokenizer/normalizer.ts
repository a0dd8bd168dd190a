// The normalizers of tokenizer.json: Unicode forms, replacements, case and sentencepiece's table.
// Source: tokenizers/src/normalizers/*.rs.
import { badTokenizer, type Field } from "./field.ts";
import { readPrecompiled } from "./precompiled.ts";
import { readPattern } from "./splitting.ts";

export type TextStep = (text: string) => string;

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
export function readNormalizer(field: Field): TextStep {
  const steps = field.isGiven ? readSteps(field, 0) : [];
  if (steps.length > maxSteps) {
    throw field.fault(`has ${steps.length} steps, more than ${maxSteps}`);
  }
  return (text) => {
    const limit = (text.length + 64) * maxGrowth;
    let normalized = text;
    for (const step of steps) {
      normalized = step(normalized);
      if (normalized.length > limit) {
        throw badTokenizer(
          "tokenizer.json",
          `Its normalizer makes ${normalized.length} characters of ${text.length}`,
        );
      }
    }
    return normalized;
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
      return (text) => text.normalize(type);
    case "Nmt":
      return normalizeNmt;
    case "Lowercase":
      return lowercase;
    case "Strip":
      return readStrip(field);
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "");
    case "Replace": {
      const pattern = readPattern(field.at("pattern"));
      const content = field.at("content").text();
      return (text) => (pattern === null ? text : text.replace(pattern, () => content));
    }
    case "Prepend": {
      const prefix = field.at("prepend").text();
      return (text) => (text === "" ? text : prefix + text);
    }
    case "Precompiled":
      return readPrecompiled(field.at("precompiled_charsmap"));
    case "BertNormalizer":
    case "ByteLevel":
      throw field
        .at("type")
        .fault(`is ${type}, which is not supported; no decoder-only model uses it`);
  }
}

function readStrip(field: Field): TextStep {
  const isLeft = field.at("strip_left").flag(false);
  const isRight = field.at("strip_right").flag(false);
  return (text) => {
    const left = isLeft ? text.replace(/^\p{White_Space}+/u, "") : text;
    return isRight ? left.replace(/\p{White_Space}+$/u, "") : left;
  };
}

/** Lower-cases each character alone, so that a final sigma is not special. */
function lowercase(text: string): string {
  return Array.from(text, (character) => character.toLowerCase()).join("");
}

/** Drops characters and replaces others with spaces, as sentencepiece's nmt rules do. */
function normalizeNmt(text: string): string {
  return (
    text
      // eslint-disable-next-line no-control-regex -- these are the dropped characters
      .replace(/[\u0001-\u0008\u000b\u000e-\u001f\u007f\u008f\u009f]/g, "")
      .replace(/[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g, " ")
  );
}
