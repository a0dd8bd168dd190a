// A prompt out of several columns: `{instruction}\n\n{input}`. `{{` and `}}` write braces.
import { cellOf, hasColumns, isAbsent, kindOf, plainName, quoted, textOf } from "./cell.ts";
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
  const names = patternColumns(pattern);
  const wrong = names.find((name) => {
    const value = cellOf(row, name);
    return !isAbsent(value) && textOf(value) === null;
  });
  if (wrong !== undefined) {
    const kind = kindOf(cellOf(row, wrong));
    return { text: null, reason: `its "${wrong}" is ${kind}, not text` };
  }
  if (names.every((name) => isAbsent(cellOf(row, name)))) {
    return { text: null, reason: `it has nothing in ${quoted(names)}; ${hasColumns(row)}` };
  }
  const paragraphs = pattern.split("\n\n").filter((paragraph) => {
    const used = patternColumns(paragraph);
    return used.length === 0 || used.some((name) => textIn(row, name) !== "");
  });
  return { text: paragraphs.map((paragraph) => filled(paragraph, row)).join("\n\n"), reason: null };
}

function filled(paragraph: string, row: Row): string {
  return paragraph.replace(part, (whole: string, name: string | undefined) =>
    name === undefined ? whole.slice(1) : textIn(row, name),
  );
}

function textIn(row: Row, name: string): string {
  return textOf(cellOf(row, name)) ?? "";
}
