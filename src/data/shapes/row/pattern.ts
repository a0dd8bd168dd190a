// A prompt out of several columns: `{instruction}\n\n{input}`. `{{` and `}}` write braces.
import {
  cellOf,
  hasColumns,
  isAbsent,
  kindOf,
  plainName,
  quoted,
  quotedName,
  textOf,
} from "./cell.ts";
import type { Row } from "./cell.ts";

const part = /\{\{|\}\}|\{([^{}]*)\}/g;

/** Names of the columns in a pattern, in their order, each once. */
export function patternColumns(pattern: string): string[] {
  const names = [...pattern.matchAll(part)].flatMap(([, name]) => (name === undefined ? [] : name));
  return [...new Set(names)];
}

/**
 * What is wrong with a pattern for these columns, or null.
 * @param columns names of the file's columns
 */
export function patternFault(pattern: string, columns: readonly string[]): string | null {
  const names = patternColumns(pattern);
  if (names.length === 0) {
    return `the pattern names no column; write one as {${columns[0] ?? "prompt"}}`;
  }
  const known = new Set(columns.map(plainName));
  const unknown = names.filter((name) => !known.has(plainName(name)));
  return unknown.length === 0
    ? null
    : `the pattern names ${quoted(unknown)}; the columns are ${quoted(columns)}`;
}

/**
 * The pattern with the row's texts. A paragraph (what blank lines separate) whose columns are all
 * empty is left out with its blank lines.
 * @returns null with `reason` where no column of the pattern has a value, or one is no text
 */
export function fillPattern(
  pattern: string,
  row: Row,
): { text: string; reason: null } | { text: null; reason: string } {
  const { names, paragraphs } = parsed(pattern);
  const texts = new Map<string, string>();
  let isEmpty = true;
  for (const name of names) {
    const value = cellOf(row, name);
    const text = isAbsent(value) ? "" : textOf(value);
    if (text === null) {
      return { text: null, reason: `its ${quotedName(name)} is ${kindOf(value)}, not text` };
    }
    isEmpty = isEmpty && isAbsent(value);
    texts.set(name, text);
  }
  if (isEmpty) {
    return { text: null, reason: `it has nothing in ${quoted(names)}; ${hasColumns(row)}` };
  }
  const kept = paragraphs.flatMap((pieces) => filled(pieces, texts) ?? []);
  return { text: kept.join("\n\n"), reason: null };
}

/** Text of the pattern, or the name of a column. */
type Piece = { literal: string } | { column: string };

interface ParsedPattern {
  text: string;
  names: readonly string[];
  paragraphs: readonly (readonly Piece[])[];
}

/** Rows of a table have one pattern: it is parsed once. */
let latest: ParsedPattern = { text: "", names: [], paragraphs: [] };

function parsed(pattern: string): ParsedPattern {
  if (latest.text !== pattern) {
    const paragraphs = pattern.split("\n\n").map(piecesOf);
    latest = { text: pattern, names: patternColumns(pattern), paragraphs };
  }
  return latest;
}

function piecesOf(paragraph: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of paragraph.matchAll(part)) {
    const [whole, name] = match;
    pieces.push({ literal: paragraph.slice(end, match.index) });
    pieces.push(name === undefined ? { literal: whole.slice(1) } : { column: name });
    end = match.index + whole.length;
  }
  return [...pieces, { literal: paragraph.slice(end) }];
}

/** The paragraph, or null where it has columns and all of them are empty. */
function filled(pieces: readonly Piece[], texts: ReadonlyMap<string, string>): string | null {
  let text = "";
  let hasColumn = false;
  let hasText = false;
  for (const piece of pieces) {
    const written = "literal" in piece ? piece.literal : (texts.get(piece.column) ?? "");
    hasColumn ||= "column" in piece;
    hasText ||= "column" in piece && written !== "";
    text += written;
  }
  return hasColumn && !hasText ? null : text;
}
