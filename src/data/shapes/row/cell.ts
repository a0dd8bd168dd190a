// What a cell of a row holds: its column found by name, text out of what tables give, JSON in text.

import { parseExactly } from "../../../formats/tables/json-row.ts";
import { shortList } from "../../../util/format.ts";
import { shownText } from "../../../util/shown-text.ts";

export type Row = Readonly<Record<string, unknown>>;

/** A column name without case, spaces, underscores and hyphens: "Prompt ID" is "promptid". */
export function plainName(name: string): string {
  return name.toLowerCase().replace(/[\s_\-\uFEFF]/g, "");
}

/** The value of a column; a file with other capitals in its names has the same column. */
export function cellOf(row: Row, column: string): unknown {
  if (Object.hasOwn(row, column)) {
    return row[column];
  }
  const wanted = plainName(column);
  const name = Object.keys(row).find((other) => plainName(other) === wanted);
  return name === undefined ? undefined : row[name];
}

/** No value: no such column, null, or NaN as pandas writes for a missing cell. */
export function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || Number.isNaN(value);
}

/** Text as it is; a number or true and false as text, for a spreadsheet stores "4" as a number. */
export function textOf(value: unknown): string | null {
  if (typeof value === "string") {
    return value;
  }
  const isSimple =
    typeof value === "number" || typeof value === "boolean" || typeof value === "bigint";
  return isSimple && !isAbsent(value) ? String(value) : null;
}

/** True or false, or their text as tables of text have it; null for any other value. */
export function truthOf(value: unknown): boolean | null {
  const text = textOf(value)?.trim().toLowerCase();
  return text === "true" ? true : text === "false" ? false : null;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value, or what its text says where that is JSON of a list or an object. */
export function unwrapJson(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) {
    return value;
  }
  try {
    return parseExactly(value);
  } catch {
    return value;
  }
}

/** The kind of a value in a message: "a list", "text". */
export function kindOf(value: unknown): string {
  if (isAbsent(value)) {
    return "empty";
  }
  if (typeof value === "string") {
    return "text";
  }
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : "a number";
}

/** A name of the file for a message: `"text"`. */
export function quotedName(name: string): string {
  return `"${shownText(name)}"`;
}

/** Names for a message: `"id", "text"`. */
export function quoted(names: readonly string[]): string {
  return shortList(names.map(quotedName));
}

/** A reason: the row has nothing in a column that the reading needs. */
export function missing(row: Row, column: string): string {
  return `it has nothing in ${quotedName(column)}; ${hasColumns(row)}`;
}

/** The columns of a row that hold something, for a message. */
export function hasColumns(row: Row): string {
  const names = Object.keys(row).filter((name) => !isAbsent(row[name]));
  return names.length === 0 ? "it is empty" : `it has ${quoted(names)}`;
}
