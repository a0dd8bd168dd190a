// Parses the JSON text of one row, and says what is wrong with it.
import { findJsonFault } from "../json-fault.ts";
import { maxRowLength } from "../rows.ts";
import { brokenByteIn } from "./utf8.ts";
import { shortJson } from "../../util/short-json.ts";

export type JsonRow =
  | { readonly row: Readonly<Record<string, unknown>>; readonly note?: string }
  | { readonly what: string };

const notNumberNote =
  "NaN and Infinity, which Python writes for missing numbers, are read as null.";

/**
 * The row, or what is wrong with it. NaN and Infinity are read as null; half of a surrogate pair
 * in any text is a fault, since no tokenizer can encode it.
 */
export function parseJsonRow(text: string): JsonRow {
  if (text.length > maxRowLength) {
    return { what: tooLong(text.length) };
  }
  const parsed = parseLenient(text);
  if ("what" in parsed) {
    return parsed;
  }
  const { value, note } = parsed;
  if (!isRecord(value)) {
    return { what: `not an object but ${kindOf(value)}` };
  }
  // Text of a file has whole characters only; half ones come from escapes and broken bytes.
  if (/\\u[dD]|[\ud800-\udfff]/u.test(text)) {
    const what = brokenCharacterIn(value, text);
    if (what !== undefined) {
      return { what };
    }
  }
  return note === undefined ? { row: value } : { row: value, note };
}

/** The fault of a row that is too long. */
export function tooLong(length: number): string {
  return `${length} characters long, the limit is ${maxRowLength}`;
}

/** The value of a JSON text, or what is wrong with it. */
export function parseLenient(text: string): { value: unknown; note?: string } | { what: string } {
  try {
    return { value: parseExactly(text) };
  } catch (error) {
    const mended = /NaN|Infinity/.test(text) ? withoutNotNumbers(text, () => "null") : text;
    if (mended !== text) {
      try {
        return { value: parseExactly(mended), note: notNumberNote };
      } catch {
        // The fault lies elsewhere, in a text of the same length.
        const padded = withoutNotNumbers(text, ({ length }) => "0".padEnd(length));
        return { what: `not JSON, ${describeFault(padded, error)}` };
      }
    }
    return { what: `not JSON, ${describeFault(text, error)}` };
  }
}

// A string without its end goes to the end of the text: were it no match, every quote of a broken
// text would be tried to its end, which takes the square of its length.
const numbersAndStrings = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;
const notNumbersAndStrings = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|-?\b(?:NaN|Infinity)\b/gs;

/**
 * As JSON.parse, but that an integer which a number cannot hold becomes text with all its digits,
 * as in Parquet, and a number beyond all becomes null, as Infinity does.
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  return JSON.parse(/\d{16}|\d[eE]\+?\d{3}/.test(text) ? withExactNumbers(text) : text);
}

function withExactNumbers(text: string): string {
  return text.replace(numbersAndStrings, (match) => {
    if (match.startsWith('"') || !Number.isFinite(Number(match))) {
      return match.startsWith('"') ? match : "null";
    }
    const isExact = !/^-?\d+$/.test(match) || Number.isSafeInteger(Number(match));
    return isExact ? match : `"${match}"`;
  });
}

/** Something else for NaN and Infinity, except within strings. */
function withoutNotNumbers(text: string, replacement: (match: string) => string): string {
  return text.replace(notNumbersAndStrings, (match) =>
    match.startsWith('"') ? match : replacement(match),
  );
}

function describeFault(text: string, error: unknown): string {
  const at = findJsonFault(text);
  if (at === undefined) {
    return String(error); // for example nesting too deep for this browser
  }
  const codePoint = text.codePointAt(at);
  return codePoint === undefined
    ? `it ends too early at column ${at + 1}`
    : `unexpected ${visible(String.fromCodePoint(codePoint))} at column ${at + 1}`;
}

/** Signs that a person does not see in an editor, by name; control characters as escapes. */
function visible(character: string): string {
  const name = invisible.get(character);
  if (name !== undefined) {
    return `invisible sign (${name})`;
  }
  const byte = brokenByteIn(character);
  if (byte !== undefined) {
    return `byte ${byte}, which is not UTF-8,`;
  }
  return character < " " ? JSON.stringify(character).slice(1, -1) : character;
}

const invisible: ReadonlyMap<string, string> = new Map([
  ["\uFEFF", "byte order mark, U+FEFF"],
  ["\u200B", "zero-width space, U+200B"],
  ["\u200C", "zero-width non-joiner, U+200C"],
  ["\u200D", "zero-width joiner, U+200D"],
  ["\u2060", "word joiner, U+2060"],
  ["\u00A0", "no-break space, U+00A0"],
  ["\u00AD", "soft hyphen, U+00AD"],
  ["\u2028", "line separator, U+2028"],
  ["\u2029", "paragraph separator, U+2029"],
]);

function brokenCharacterIn(row: Record<string, unknown>, text: string): string | undefined {
  const byte = brokenByteIn(text);
  if (byte !== undefined) {
    return `the byte ${byte}, which is not UTF-8`;
  }
  const column = Object.entries(row).find((entry) => hasHalfCharacter(entry))?.[0];
  return column === undefined
    ? undefined
    : `half of a character (a lone surrogate) in ${shortJson(column)}`;
}

/** Whether a text in the value, keys included, has half of a surrogate pair. */
function hasHalfCharacter(value: unknown): boolean {
  if (typeof value === "string") {
    return /[\ud800-\udfff]/u.test(value);
  }
  if (Array.isArray(value)) {
    return value.some(hasHalfCharacter);
  }
  return isRecord(value) && Object.entries(value).some(hasHalfCharacter);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) {
    return "null";
  }
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
