// Parses JSON Lines: one object on every line. Blank lines, a byte order mark and any line ending
// are allowed.
import { findJsonFault } from "./json-fault.ts";
import { maxRowLength, RowCollector, withoutByteOrderMark, type ParsedRow } from "./rows.ts";

/**
 * Parses the whole text, or reports all its broken lines in one error.
 * @throws UserError "bad-row" for lines that are not one object or are longer than 1 MiB, and past
 *   1,000,000 rows; "empty-data" when there is no row
 */
export function parseJsonl(text: string, fileName: string): ParsedRow[] {
  const rows = new RowCollector(fileName);
  for (const [line, lineText] of filledLines(withoutByteOrderMark(text))) {
    const parsed = parseLine(lineText);
    if (typeof parsed === "string") {
      rows.addFault({ line, what: parsed, text: lineText });
    } else {
      rows.add({ row: parsed, line });
    }
  }
  return rows.finish("Write one JSON object on each line, then load the file again.");
}

/** Every line that is not blank, with its number from 1, without building a list of lines. */
function* filledLines(text: string): Generator<[line: number, text: string]> {
  const ending = /\r\n|\n|\r|$/g;
  for (let line = 1, start = 0; start < text.length; line++) {
    ending.lastIndex = start;
    const match = ending.exec(text);
    const end = match?.index ?? text.length;
    const lineText = text.slice(start, end);
    if (lineText.trim() !== "") {
      yield [line, lineText];
    }
    start = end + (match?.[0].length ?? 0);
  }
}

/** The row, or what is wrong with the line. */
function parseLine(text: string): Record<string, unknown> | string {
  if (text.length > maxRowLength) {
    return `${text.length} characters long, the limit is ${maxRowLength}`;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `not JSON, ${describeFault(text, error)}`;
  }
  return isRecord(value) ? value : `not an object but ${kindOf(value)}`;
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

/** Control characters as escapes, all others unchanged. */
function visible(character: string): string {
  return character < " " ? JSON.stringify(character).slice(1, -1) : character;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) {
    return "null";
  }
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
