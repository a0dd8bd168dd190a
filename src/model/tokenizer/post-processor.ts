// The post-processors of tokenizer.json: begin and end tokens around the tokens of a text, and
// the spaces that offsets leave out.
// Source: tokenizers/src/processors/*.rs and pre_tokenizers/byte_level.rs (process_offsets).
import { bytesToLetters } from "./byte-letters.ts";
import type { Field } from "./field.ts";
import { maxTokens } from "./vocabulary.ts";

/** Tokens of a text, and where each begins and ends in it where that is wanted. */
export interface Encoding {
  tokens: readonly number[];
  places: Places | null;
}

export interface Places {
  /** The text, UTF-16. */
  text: string;
  begins: readonly number[];
  ends: readonly number[];
}

/** @param addsTokens whether to add the begin and end tokens */
export type PostStep = (encoding: Encoding, addsTokens: boolean) => Encoding;
/** A token of the model, spaces as letters; undefined for an added one, which is as its text. */
type TokenOf = (id: number) => string | undefined;

const types = [
  "Sequence",
  "ByteLevel",
  "TemplateProcessing",
  "BertProcessing",
  "RobertaProcessing",
] as const;
const maxDepth = 8;

export function readPostProcessor(field: Field, tokenOf: TokenOf, depth = 0): PostStep {
  if (!field.isGiven) {
    return (encoding) => encoding;
  }
  if (depth > maxDepth) {
    throw field.fault(`nests deeper than ${maxDepth}`);
  }
  switch (field.at("type").oneOf(types)) {
    case "ByteLevel":
      return readTrim(field, tokenOf);
    case "TemplateProcessing":
      return readTemplate(field);
    case "BertProcessing":
      return readEnds(field);
    case "RobertaProcessing": {
      const [trim, addEnds] = [readTrim(field, tokenOf), readEnds(field)];
      return (encoding, addsTokens) => addEnds(trim(encoding, addsTokens), addsTokens);
    }
    case "Sequence": {
      const steps = field
        .at("processors")
        .items()
        .map((item) => readPostProcessor(item, tokenOf, depth + 1));
      return (encoding, addsTokens) =>
        steps.reduce((before, step) => step(before, addsTokens), encoding);
    }
  }
}

/** Reads `single`: `{"Sequence": ...}` is the text, `{"SpecialToken": {"id": name}}` a token. */
function readTemplate(field: Field): PostStep {
  const special = field.at("special_tokens");
  const parts = field
    .at("single")
    .items()
    .map((item) => {
      if (item.at("Sequence").isGiven) {
        return null;
      }
      const name = item.at("SpecialToken").at("id").text();
      return special
        .at(name)
        .at("ids")
        .items()
        .map((id) => id.count(maxTokens - 1));
    });
  return arrangement(parts);
}

function readEnds(field: Field): PostStep {
  return arrangement([[readPairId(field.at("cls"))], null, [readPairId(field.at("sep"))]]);
}

/** @param parts tokens to add; null for those of the text */
function arrangement(parts: readonly (readonly number[] | null)[]): PostStep {
  return ({ tokens, places }, addsTokens) => {
    if (!addsTokens) {
      return { tokens, places };
    }
    const arranged = (ofText: readonly number[], ofAdded: (added: readonly number[]) => number[]) =>
      parts.flatMap((part) => (part === null ? ofText : ofAdded(part)));
    const noPlaces = (added: readonly number[]) => added.map(() => 0);
    return {
      tokens: arranged(tokens, (added) => [...added]),
      places: places && {
        text: places.text,
        begins: arranged(places.begins, noPlaces),
        ends: arranged(places.ends, noPlaces),
      },
    };
  };
}

/** Reads `["</s>", 2]`. */
function readPairId(field: Field): number {
  const [, id] = field.items();
  if (id === undefined) {
    throw field.fault("is not a token with its id");
  }
  return id.count(maxTokens - 1);
}

const spaceLetter = bytesToLetters(" ");
const spacesBefore = new RegExp(`^[${spaceLetter}\\p{White_Space}]+`, "u");
const spacesAfter = new RegExp(`[${spaceLetter}\\p{White_Space}]+$`, "u");

/** ByteLevel's `trim_offsets`: the spaces around a token are not in its place. */
function readTrim(field: Field, tokenOf: TokenOf): PostStep {
  const addsPrefixSpace = field.at("add_prefix_space").flag(true);
  if (!field.at("trim_offsets").flag(true)) {
    return (encoding) => encoding;
  }
  return ({ tokens, places }) => {
    if (places === null) {
      return { tokens, places };
    }
    const begins = [...places.begins];
    const ends = [...places.ends];
    tokens.forEach((id, index) => {
      const begin = begins[index] ?? 0;
      const end = ends[index] ?? 0;
      const token = tokenOf(id) ?? places.text.slice(begin, end);
      const before = spacesBefore.exec(token)?.[0].length ?? 0;
      const after = spacesAfter.exec(token)?.[0].length ?? 0;
      // A single first space is the pre-tokenizer's, so it has no place to leave out.
      const isOwn = addsPrefixSpace && before === 1 && (index === 0 || begin === 0);
      const first = isOwn ? begin : Math.min(moved(places.text, begin, before), end);
      begins[index] = first;
      ends[index] = Math.max(moved(places.text, end, -after), first);
    });
    return { tokens, places: { text: places.text, begins, ends } };
  };
}

/** A place that many characters further on, or back. */
function moved(text: string, place: number, count: number): number {
  let at = place;
  for (let left = count; left > 0; left--) {
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  }
  for (let left = count; left < 0 && at > 0; left++) {
    at -= at > 1 && (text.codePointAt(at - 2) ?? 0) > 0xffff ? 2 : 1;
  }
  return at;
}
