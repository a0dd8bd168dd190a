// Parses the JSON of a safetensors header: only objects, arrays, strings and plain whole numbers.
// JSON.parse keeps the last of two equal keys, rounds beyond 2^53 and accepts 1e3, 1.0 and -0; this
// parser rejects them. With `scalars: "any"` it also accepts every number, true, false and null,
// for the index of a sharded model; with "whole or null" null too, for a safetensors header.
import { shortJson } from "../util/short-json.ts";

export type StrictJson = string | number | boolean | null | StrictJson[] | StrictObject;
/** A Map, so that "__proto__" is a key like any other. */
export type StrictObject = Map<string, StrictJson>;

/** A fault of the text and its position. The caller knows the file and throws a UserError. */
export class StrictJsonError extends Error {
  override readonly name = "StrictJsonError";
}

/** A header nests three deep: file, entry, list. The limit keeps "[[[[..." from the stack. */
const maxDepth = 3;

/**
 * 100,000 tensors of rank 8 have 1.4 million values. More could exhaust the worker's heap, which
 * crashes the tab.
 */
const maxValues = 2_000_000;

/** 9,007,199,254,740,991 has 16 digits; longer ones are rejected before conversion. */
const maxDigits = 16;

const quote = 0x22;
const backslash = 0x5c;

const escapes = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

type Scalars = "whole or null" | "any";

/**
 * Parses one object, with optional white space around it.
 * @param scalars the values that are allowed besides strings, lists and objects
 * @throws StrictJsonError at the first fault, with the character position counted from 0
 */
export function parseStrictObject(text: string, scalars: Scalars): StrictObject {
  const reader = new Reader(text, scalars);
  const value = reader.value(0);
  reader.expectEnd();
  if (!(value instanceof Map)) {
    throw new StrictJsonError("it is not a JSON object");
  }
  return value;
}

class Reader {
  readonly #text: string;
  readonly #scalars: Scalars;
  #at = 0;
  #values = 0;

  constructor(text: string, scalars: Scalars) {
    this.#text = text;
    this.#scalars = scalars;
  }

  /** @param depth how many brackets are open */
  value(depth: number): StrictJson {
    if (++this.#values > maxValues) {
      throw this.#fault(`more than ${maxValues} values`);
    }
    switch (this.#peek()) {
      case "{":
        return this.#object(depth + 1);
      case "[":
        return this.#array(depth + 1);
      case '"':
        return this.#string();
      default:
        return this.#scalars === "any" || this.#isAtNull() ? this.#scalar() : this.#wholeNumber();
    }
  }

  expectEnd(): void {
    if (this.#peek() !== "") {
      throw this.#unexpected("the end");
    }
  }

  #object(depth: number): StrictObject {
    const entries: StrictObject = new Map();
    this.#open(depth);
    if (this.#take("}")) {
      return entries;
    }
    do {
      if (this.#peek() !== '"') {
        throw this.#unexpected("a key");
      }
      const key = this.#string();
      if (entries.has(key)) {
        throw this.#fault(`the key ${shortJson(key)} a second time`);
      }
      this.#expect(":");
      entries.set(key, this.value(depth));
    } while (this.#take(","));
    this.#expect("}");
    return entries;
  }

  #array(depth: number): StrictJson[] {
    const items: StrictJson[] = [];
    this.#open(depth);
    if (this.#take("]")) {
      return items;
    }
    do {
      items.push(this.value(depth));
    } while (this.#take(","));
    this.#expect("]");
    return items;
  }

  #open(depth: number): void {
    if (depth > maxDepth) {
      throw this.#fault(`nesting deeper than ${maxDepth}`);
    }
    this.#at++;
  }

  #isAtNull(): boolean {
    return this.#text.startsWith("null", this.#at);
  }

  #wholeNumber(): number {
    const start = this.#at;
    while (isDigit(this.#text.charCodeAt(this.#at))) {
      this.#at++;
    }
    const digits = this.#text.slice(start, this.#at);
    const next = this.#text[this.#at] ?? "";
    if (digits === "" && next !== "-") {
      throw this.#unexpected("a value");
    }
    const isPlain = !/[-+.eE]/.test(next) && !/^0./.test(digits);
    const number = Number(digits);
    if (!isPlain || digits.length > maxDigits || !Number.isSafeInteger(number)) {
      throw this.#fault(`${shown(digits + next)} instead of a whole number from 0 below 2^53`);
    }
    return number;
  }

  #scalar(): number | boolean | null {
    const pattern = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.+-])/y;
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) {
      throw this.#unexpected("a value");
    }
    this.#at = pattern.lastIndex;
    return JSON.parse(match[0]) as number | boolean | null;
  }

  #string(): string {
    this.#at++;
    let start = this.#at;
    let parsed = "";
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code === quote) {
        parsed += this.#text.slice(start, this.#at++);
        return parsed;
      }
      if (code === backslash) {
        parsed += this.#text.slice(start, this.#at) + this.#escape();
        start = this.#at;
      } else if (code >= 0x20) {
        this.#at++;
      } else {
        throw this.#unexpected("the rest of a string");
      }
    }
  }

  #escape(): string {
    const kind = this.#text[this.#at + 1] ?? "";
    if (kind === "u") {
      return this.#unicodeEscapes();
    }
    const character = escapes.get(kind);
    if (character === undefined) {
      throw this.#fault(`the unknown escape ${shown(`\\${kind}`)}`);
    }
    this.#at += 2;
    return character;
  }

  /** One \uXXXX, or two that form a surrogate pair; half a pair is not a character. */
  #unicodeEscapes(): string {
    const pattern = /\\ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}|\\u(?!d[89a-f])[\da-f]{4}/iy;
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) {
      throw this.#fault("a broken \\u escape");
    }
    this.#at = pattern.lastIndex;
    const units = match[0].split("\\u").slice(1);
    return String.fromCharCode(...units.map((hex) => parseInt(hex, 16)));
  }

  /** The next character after white space; empty at the end. */
  #peek(): string {
    while (isWhiteSpace(this.#text.charCodeAt(this.#at))) {
      this.#at++;
    }
    return this.#text[this.#at] ?? "";
  }

  #take(character: string): boolean {
    const isNext = this.#peek() === character;
    this.#at += isNext ? 1 : 0;
    return isNext;
  }

  #expect(character: string): void {
    if (!this.#take(character)) {
      throw this.#unexpected(shown(character));
    }
  }

  #unexpected(wanted: string): StrictJsonError {
    const character = this.#text[this.#at];
    const found = character === undefined ? "the end of the text" : shown(character);
    return this.#fault(`${found} instead of ${wanted}`);
  }

  #fault(what: string): StrictJsonError {
    return new StrictJsonError(`it has ${what}, at character ${this.#at}`);
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** Quoted, with control characters visible, and short. */
function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
