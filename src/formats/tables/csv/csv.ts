// Reads CSV with a header row. All values are text, but for conversations and the like that are
// written as JSON in a cell; line breaks become "\n".
import { maxRowLength } from "../../rows.ts";
import type { RowBatch } from "../../table.ts";
import { BatchBuilder } from "../batch-builder.ts";
import { LineSplitter } from "../line-splitter.ts";
import { readText, type TextFile } from "../text-stream.ts";
import { brokenByteIn } from "../utf8.ts";
import { namedDelimiter } from "./csv-delimiter.ts";
import { fieldsOf } from "./csv-fields.ts";
import { headerFault, parseHeader, type CsvHeader } from "../header.ts";
import { CsvRecords, type CsvRecord } from "./csv-records.ts";
import { cellValue } from "../json-cell.ts";

/**
 * Rows with another number of fields than the header, broken quotes or broken bytes are faults.
 * @param delimiter one character
 * @throws as `readText`; UserError "bad-row" for a header with nameless or equal columns, and past
 *   the limit of rows
 */
export async function* readCsv(
  file: TextFile,
  delimiter: string,
  signal?: AbortSignal,
): AsyncGenerator<RowBatch, void> {
  const batch = new BatchBuilder(file.name);
  const lines = new LineSplitter(maxRowLength);
  const rows = new CsvRows(file.name, delimiter, batch);
  const records = new CsvRecords(delimiter, (record) => {
    rows.take(record);
  });
  for await (const { text, readBytes, note } of readText(file, signal)) {
    batch.addNote(note);
    for (const line of lines.push(text)) {
      records.push(line);
    }
    rows.flush();
    yield batch.take(readBytes);
  }
  for (const line of lines.end()) {
    records.push(line);
  }
  records.end();
  rows.flush();
  yield batch.take(file.blob.size);
}

class CsvRows {
  readonly #fileName: string;
  readonly #delimiter: string;
  readonly #batch: BatchBuilder;
  #header: CsvHeader | undefined;
  #isFirst = true;
  #waiting: CsvRecord[] = [];

  constructor(fileName: string, delimiter: string, batch: BatchBuilder) {
    this.#fileName = fileName;
    this.#delimiter = delimiter;
    this.#batch = batch;
  }

  take(record: CsvRecord): void {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    if (isFirst && namedDelimiter(record.text) !== undefined) {
      return;
    }
    if (this.#header === undefined) {
      this.#takeHeader(record);
      return;
    }
    this.#waiting.push(record);
  }

  /** Makes rows and faults of the records that came since the last call, in their order. */
  flush(): void {
    const records = this.#waiting.map((record) => ({
      ...record,
      fault: record.fault ?? faultOfText(record.text),
    }));
    this.#waiting = [];
    const whole = records.filter(({ fault }) => fault === undefined);
    const rows = fieldsOf(
      whole.map(({ text }) => text),
      this.#delimiter,
    ).values();
    for (const { text, line, fault } of records) {
      if (fault === undefined) {
        this.#takeRow(rows.next().value ?? [], text, line);
      } else {
        this.#batch.addFault(fault, text, line);
      }
    }
  }

  #takeRow(fields: readonly string[], text: string, line: number): void {
    const { names = [] } = this.#header ?? {};
    if (fields.every((field) => field.trim() === "")) {
      return; // an empty row of a spreadsheet
    }
    const fault = faultOfFields(fields, names);
    if (fault === undefined) {
      this.#batch.add(toRow(names, fields), line);
    } else {
      this.#batch.addFault(fault, text, line);
    }
  }

  #takeHeader({ text, line, fault = faultOfText(text) }: CsvRecord): void {
    if (fault !== undefined) {
      throw headerFault(fault, line, this.#fileName);
    }
    const [fields = []] = fieldsOf([text], this.#delimiter);
    this.#header = parseHeader(fields, line, this.#fileName);
    this.#batch.addNote(this.#header.note);
  }
}

function faultOfText(text: string): string | undefined {
  if (text.startsWith("\uFEFF")) {
    return "an invisible sign (byte order mark, U+FEFF) at its start";
  }
  const byte = brokenByteIn(text);
  return byte === undefined ? undefined : `the byte ${byte}, which is not UTF-8`;
}

/** Empty fields beyond the header are harmless: spreadsheets write them. */
function faultOfFields(
  fields: readonly string[],
  names: readonly (string | undefined)[],
): string | undefined {
  const columns = names.findLastIndex((name) => name !== undefined) + 1;
  const extra = fields.slice(columns).some((field) => field.trim() !== "");
  return fields.length < columns || extra
    ? `fields: ${fields.length}, columns in the header: ${columns}`
    : undefined;
}

/** fromEntries defines properties, never sets them, so a column "__proto__" is harmless. */
function toRow(
  names: readonly (string | undefined)[],
  fields: readonly string[],
): Record<string, unknown> {
  const entries: [string, unknown][] = [];
  names.forEach((name, i) => {
    if (name !== undefined) {
      entries.push([name, cellValue(name, fields[i] ?? "")]);
    }
  });
  return Object.fromEntries(entries);
}
