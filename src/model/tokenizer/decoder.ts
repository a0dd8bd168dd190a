// The decoders of tokenizer.json: tokens to text.
// Source: tokenizers/src/decoders/*.rs and pre_tokenizers/{byte_level,metaspace}.rs.
import { lettersToText } from "./byte-letters.ts";
import type { Field } from "./field.ts";
import { maxSteps } from "./normalize/normalizer.ts";
import { prependScheme } from "./pre-tokenizer.ts";
import { readPattern } from "./splitting.ts";

type DecodeStep = (tokens: readonly string[]) => readonly string[];

const types = [
  "Sequence",
  "ByteLevel",
  "ByteFallback",
  "Replace",
  "Fuse",
  "Strip",
  "Metaspace",
  "BPEDecoder",
] as const;
const maxDepth = 8;

/** Reads the decoder. Without one, tokens are joined by spaces. */
export function readDecoder(field: Field): (tokens: readonly string[]) => string {
  if (!field.isGiven) {
    return (tokens) => tokens.join(" ");
  }
  const step = readStep(field, 0);
  return (tokens) => step(tokens).join("");
}

function readStep(field: Field, depth: number): DecodeStep {
  if (depth > maxDepth) {
    throw field.fault(`nests deeper than ${maxDepth}`);
  }
  switch (field.at("type").oneOf(types)) {
    case "Sequence":
      return readSequence(field.at("decoders"), depth);
    case "ByteLevel":
      return (tokens) => [lettersToText(tokens)];
    case "ByteFallback":
      return joinBytes;
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "Replace": {
      const pattern = readPattern(field.at("pattern"));
      const content = field.at("content").text();
      return (tokens) =>
        pattern === null ? tokens : tokens.map((token) => token.replace(pattern, () => content));
    }
    case "Strip":
      return readStrip(field);
    case "Metaspace":
      return readMetaspace(field);
    case "BPEDecoder": {
      const suffix = field.at("suffix").isGiven ? field.at("suffix").text() : "</w>";
      return (tokens) =>
        tokens.map((token, index) =>
          token.replaceAll(suffix, () => (index === tokens.length - 1 ? "" : " ")),
        );
    }
  }
}

function readSequence(field: Field, depth: number): DecodeStep {
  const items = field.items();
  if (items.length > maxSteps) {
    throw field.fault(`has ${items.length} steps, more than ${maxSteps}`);
  }
  const steps = items.map((item) => readStep(item, depth + 1));
  return (tokens) => steps.reduce<readonly string[]>((before, step) => step(before), tokens);
}

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Joins neighbouring `<0x41>` as UTF-8; where it is invalid, each byte becomes U+FFFD. */
function joinBytes(tokens: readonly string[]): string[] {
  const texts: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length > 0) {
      texts.push(decodeStrictly(bytes));
      bytes = [];
    }
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    if (byte === undefined) {
      flush();
      texts.push(token);
    } else {
      bytes.push(parseInt(byte, 16));
    }
  }
  flush();
  return texts;
}

function decodeStrictly(bytes: readonly number[]): string {
  try {
    return strictDecoder.decode(Uint8Array.from(bytes));
  } catch {
    return "\ufffd".repeat(bytes.length);
  }
}

/**
 * Removes the content at most `start` times before each token and at most `stop` times after it.
 */
function readStrip(field: Field): DecodeStep {
  const content = field.at("content").text();
  const start = field.at("start").count(1_000);
  const stop = field.at("stop").count(1_000);
  return (tokens) =>
    tokens.map((token) => {
      const characters = Array.from(token);
      let begin = 0;
      while (begin < start && characters[begin] === content) {
        begin++;
      }
      let end = characters.length;
      while (end > begin && characters.length - end < stop && characters[end - 1] === content) {
        end--;
      }
      return characters.slice(begin, end).join("");
    });
}

function readMetaspace(field: Field): DecodeStep {
  const sign = field.at("replacement").isGiven ? field.at("replacement").text() : "\u2581";
  const isPrefixed = prependScheme(field) !== "never";
  return (tokens) =>
    tokens.map((token, index) =>
      token.replaceAll(sign, () => (index === 0 && isPrefixed ? "" : " ")),
    );
}
