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
 * respected; a comma when the header has one field whatever the delimiter.
 */
export function detectDelimiter(lines: readonly Line[]): string {
  const header = lines.findIndex(({ text }) => text === undefined || text.trim() !== "");
  const named = namedDelimiter(lines[header]?.text ?? "");
  if (named !== undefined) {
    return named;
  }
  let best = { delimiter: ",", fitting: 0, fields: 1 };
  for (const delimiter of delimiterNames.keys()) {
    const { fitting, fields } = rate(lines, delimiter);
    const isBetter = fitting > best.fitting || (fitting === best.fitting && fields > best.fields);
    if (fields > 1 && isBetter) {
      best = { delimiter, fitting, fields };
    }
  }
  return best.delimiter;
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

function rate(lines: readonly Line[], delimiter: string): { fitting: number; fields: number } {
  const [header = [], ...rows] = sampleFields(lines, delimiter);
  const fitting = rows.filter(({ length }) => length === header.length).length;
  return { fitting, fields: header.length };
}
