// Tells JSON Lines, JSON, CSV and plain text apart by their beginning, and by the name where the
// text allows several.
import { JsonScan } from "../../formats/tables/json/json-scan.ts";
import { detectDelimiter, sampleFields } from "../../formats/tables/csv/csv-delimiter.ts";
import type { Line } from "../../formats/tables/line-splitter.ts";

export type TextKind = "jsonl" | "json" | "csv" | "text";

const byExtension: Readonly<Record<string, TextKind>> = {
  jsonl: "jsonl",
  ndjson: "jsonl",
  json: "json",
  csv: "csv",
  tsv: "csv",
  tab: "csv",
  txt: "text",
  text: "text",
  md: "text",
  markdown: "text",
};

/** Deeper than any row. */
const maxDepth = 1000;

/** A header of prose is a sentence; a table's has names. */
const columnName = /^[\p{L}\p{N}_#][\p{L}\p{N}_ ./#()-]{0,39}$/u;
const maxWords = 4;

/**
 * @param opening the first characters, more than a row can have, without a byte order mark
 * @param lines the first lines, whole ones
 */
export function textKind(name: string, opening: string, lines: readonly Line[]): TextKind {
  const named = byExtension[extensionOf(name)];
  const json = jsonKind(opening);
  if (json !== undefined) {
    return json;
  }
  if (named === "csv" || named === "jsonl") {
    return named;
  }
  if (looksLikeCsv(lines)) {
    return "csv";
  }
  return named ?? "text";
}

/** The last part of a name, in lower case; of "a.jsonl.gz" the one before. */
export function extensionOf(name: string): string {
  return /\.([^.]*)$/.exec(name.toLowerCase().replace(/\.gz$/, ""))?.[1] ?? "";
}

/** Undefined for text that does not begin as JSON. */
function jsonKind(opening: string): "jsonl" | "json" | undefined {
  const begin = /^\s*[[{]/.exec(opening)?.[0].length;
  if (begin === undefined || !beginsAsJson(opening)) {
    return undefined;
  }
  const end = endOfValue(opening);
  if (end === undefined) {
    // Whole rows are shorter than the opening; a broken first line is one of JSON Lines.
    return /^\s*\{[^\n\r]*[\n\r]+\{/.test(opening) ? "jsonl" : "json";
  }
  return /^\s*\S/.test(opening.slice(end)) ? "jsonl" : "json";
}

/** A Markdown link also begins with a bracket, and a template with a brace. */
function beginsAsJson(opening: string): boolean {
  return /^\s*(\{\s*(["}]|$)|\[\s*([[{"\]\d-]|true|false|null|NaN|$))/.test(opening);
}

/** Index behind the first value; undefined when it does not end within the text. */
function endOfValue(text: string): number | undefined {
  const scan = new JsonScan(maxDepth);
  for (let mark = scan.next(text, 0, 1); mark !== null; mark = scan.next(text, mark.at + 1, 1)) {
    if (scan.depth === 0) {
      return mark.at + 1;
    }
  }
  return undefined;
}

/** Whether at least two rows, and all of the first ones, have as many fields as the header. */
function looksLikeCsv(lines: readonly Line[]): boolean {
  const [header = [], ...rows] = sampleFields(lines, detectDelimiter(lines));
  const isHeader =
    header.length > 1 &&
    header.every((field) => {
      const name = field.trim();
      return columnName.test(name) && name.split(/\s+/).length <= maxWords;
    });
  return isHeader && rows.length > 1 && rows.every(({ length }) => length === header.length);
}
