// Recognises the delimiter of a CSV file by its first lines.
import type { Line } from "../line-splitter.ts";
import { fieldsOf } from "./csv-fields.ts";
import { CsvRecords } from "./csv-records.ts";

/** Names for a person; the first of two that fit equally well is taken. */
export const delimiterNames: ReadonlyMap<string, string> = new Map([
  ["\t", "tab"],
  [";", "semicolon"],
  ["|", "pipe"],
  [",", "comma"],
]);

const sampleRecords = 20;

/** The delimiter that the first line names, as Excel takes it: `sep=;`. */
export function namedDelimiter(line: string): string | undefined {
  return /^"?sep=([^"])"?$/i.exec(line.trim())?.[1];
}

/**
 * The delimiter by which most of the first records have as many fields as the header, quotes
 * respected. It must split the header, unless none does: then it must not split the records.
 */
export function detectDelimiter(lines: readonly Line[]): string {
  const header = lines.findIndex(({ text }) => text === undefined || text.trim() !== "");
  const named = namedDelimiter(lines[header]?.text ?? "");
  if (named !== undefined) {
    return named;
  }
  const rated = [...delimiterNames.keys()].map((delimiter) => rate(lines, delimiter));
  const splitting = rated.filter(({ fields }) => fields > 1);
  if (splitting.length === 0 && rated.some(({ fields }) => fields === 0)) {
    return ","; // the header has broken quotes, which the reader names
  }
  // The sort is stable: of equal ones the first stays in front.
  const [best] = (splitting.length > 0 ? splitting : rated.reverse()).toSorted(
    (a, b) => b.fitting - a.fitting || b.fields - a.fields,
  );
  return best?.delimiter ?? ",";
}

/** Fields of each of the first records; none for a record with broken quotes. */
export function sampleFields(lines: readonly Line[], delimiter: string): string[][] {
  const fields: string[][] = [];
  const records = new CsvRecords(delimiter, ({ text, fault }) => {
    fields.push(fault === undefined ? (fieldsOf([text], delimiter)[0] ?? []) : []);
  });
  for (const line of lines) {
    if (fields.length >= sampleRecords) {
      break;
    }
    records.push(line);
  }
  return fields;
}

interface Rating {
  delimiter: string;
  /** Records with as many fields as the header. */
  fitting: number;
  /** Fields of the header. */
  fields: number;
}

function rate(lines: readonly Line[], delimiter: string): Rating {
  const [header = [], ...rows] = sampleFields(lines, delimiter);
  const fitting = rows.filter(({ length }) => length === header.length).length;
  return { delimiter, fitting, fields: header.length };
}
