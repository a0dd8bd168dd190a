// Parses CSV with a header row, through Papa Parse. The header decides between comma, tab and
// semicolon.
import Papa from "papaparse";
import { UserError } from "../util/errors.ts";
import { maxRowLength, RowCollector, withoutByteOrderMark, type ParsedRow } from "./rows.ts";

const remedy = "Correct the file and load it again.";

/** One row of the table, as Papa Parse returns it. */
interface CsvRecord {
  readonly fields: readonly string[];
  /** Where it begins, from 1. A quoted field can hold line breaks, so a record can span lines. */
  readonly line: number;
  readonly length: number;
  readonly quoteFault: string | undefined;
}

/**
 * Parses the whole text, or reports all its broken rows in one error. All values are strings; line
 * breaks become "\n".
 * @throws UserError "bad-row" for a header with empty or repeated names, rows with another number
 *   of fields than the header, broken quotes, rows longer than 1 MiB, and past 1,000,000 rows;
 *   "empty-data" when there is no row
 */
export function parseCsv(text: string, fileName: string): ParsedRow[] {
  const rows = new RowCollector(fileName);
  let columns: readonly string[] | undefined;
  eachRecord(withoutByteOrderMark(text).replace(/\r\n?/g, "\n"), (record) => {
    if (columns === undefined) {
      columns = parseHeader(record, fileName);
      return;
    }
    const fault = findFault(record, columns);
    if (fault === undefined) {
      rows.add({ row: toRow(columns, record.fields), line: record.line });
    } else {
      rows.addFault({ line: record.line, what: fault, text: record.fields.join(",") });
    }
  });
  return rows.finish(remedy);
}

/** Calls `take` for every record that is not a blank line, in order. */
function eachRecord(text: string, take: (record: CsvRecord) => void): void {
  const header = /\S.*/.exec(text)?.[0] ?? "";
  let line = 1;
  let start = 0;
  Papa.parse<string[]>(text, {
    delimiter: ["\t", ",", ";"].find((delimiter) => header.includes(delimiter)) ?? ",",
    newline: "\n",
    step: ({ data: fields, errors, meta: { cursor } }) => {
      const quoteFault = quoteFaultOf(errors);
      if (fields.length > 1 || fields[0] !== "" || quoteFault !== undefined) {
        take({ fields, line, length: cursor - start, quoteFault });
      }
      line += countLineBreaks(text, start, cursor);
      start = cursor;
    },
  });
}

function quoteFaultOf(errors: readonly Papa.ParseError[]): string | undefined {
  const error = errors.find(({ type }) => type === "Quotes");
  if (error === undefined) {
    return undefined;
  }
  return error.code === "MissingQuotes"
    ? "a quoted field that is never closed"
    : "text after a closing quote; write a quote inside a quoted field twice";
}

function countLineBreaks(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = text.indexOf("\n", start); at !== -1 && at < end; at = text.indexOf("\n", at + 1)) {
    count++;
  }
  return count;
}

function parseHeader(header: CsvRecord, fileName: string): readonly string[] {
  const fault = findHeaderFault(header);
  if (fault !== undefined) {
    throw new UserError("bad-row", `The header is broken: ${fault}. Nothing was loaded.`, {
      where: `${fileName}, line ${header.line}`,
      remedy: "Give every column a unique name in the first line, then load the file again.",
    });
  }
  return header.fields;
}

function findHeaderFault({ fields, quoteFault }: CsvRecord): string | undefined {
  if (quoteFault !== undefined) {
    return quoteFault;
  }
  const unnamed = fields.findIndex((name) => name.trim() === "");
  if (unnamed !== -1) {
    return `column ${unnamed + 1} has no name`;
  }
  const seen = new Set<string>();
  const repeated = fields.find((name) => seen.has(name) || !seen.add(name));
  return repeated === undefined
    ? undefined
    : `the column name ${JSON.stringify(repeated)} appears twice`;
}

function findFault(record: CsvRecord, columns: readonly string[]): string | undefined {
  if (record.quoteFault !== undefined) {
    return record.quoteFault;
  }
  if (record.length > maxRowLength) {
    return `${record.length} characters long, the limit is ${maxRowLength}`;
  }
  return record.fields.length === columns.length
    ? undefined
    : `fields: ${record.fields.length}, columns in the header: ${columns.length}`;
}

/** fromEntries defines properties, never sets them, so a column "__proto__" is harmless. */
function toRow(columns: readonly string[], fields: readonly string[]): ParsedRow["row"] {
  return Object.fromEntries(columns.map((name, i) => [name, fields[i]]));
}
