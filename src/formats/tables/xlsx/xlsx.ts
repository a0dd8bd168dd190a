// Reads workbooks (.xlsx, .xlsm) through hucre, row by row. The first row with text is the header.
import type { CellValue } from "hucre/xlsx";
import { formatBytes } from "../../../util/format.ts";
import { UserError } from "../../../util/errors.ts";
import { maxRowLength } from "../../rows.ts";
import type { RowBatch } from "../../table.ts";
import { BatchBuilder } from "../batch-builder.ts";
import { parseHeader } from "../header.ts";
import { cellValue } from "../json-cell.ts";
import { tooLong } from "../json-row.ts";
import { textLength } from "../plain-value.ts";

/** A workbook is unpacked in memory. A million rows of 100 characters are some 50 MB packed. */
const maxWorkbookBytes = 128 * 2 ** 20;
const rowsOfBatch = 1000;
/** Rows of a sheet that show whether it holds text. */
const sampleRows = 20;

/** What Excel shows for a formula that has no value. */
const errors = /^#(NULL!|DIV\/0!|VALUE!|REF!|NAME\?|NUM!|N\/A|GETTING_DATA|SPILL!|CALC!)$/;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Days. Times of the first weeks of 1900 or 1904 are rarer than long durations. */
const longestDuration = 59;

type Cells = readonly (CellValue | undefined)[];

/** A workbook in memory, and its visible sheets with text. */
export class Workbook {
  readonly #name: string;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #dayZero: number;
  readonly sheets: readonly string[];

  private constructor(
    name: string,
    bytes: Uint8Array<ArrayBuffer>,
    sheets: readonly string[],
    dayZero: number,
  ) {
    this.#name = name;
    this.#bytes = bytes;
    this.sheets = sheets;
    this.#dayZero = dayZero;
  }

  /**
   * @throws UserError "bad-row" for a workbook that is damaged or too large; "empty-data" when no
   *   sheet holds text; the signal's AbortError
   */
  static async open(name: string, blob: Blob, signal?: AbortSignal): Promise<Workbook> {
    if (blob.size > maxWorkbookBytes) {
      throw new UserError(
        "bad-row",
        `The workbook has ${formatBytes(blob.size)}, the limit is ${formatBytes(maxWorkbookBytes)}.`,
        { where: name, remedy: "Save the sheet as CSV, which is read at any size." },
      );
    }
    const bytes = new Uint8Array(await blob.arrayBuffer());
    signal?.throwIfAborted();
    const sheets: string[] = [];
    const { names, dayZero } = await visibleSheets(bytes, name);
    for (const sheet of names) {
      if (await holdsText(bytes, sheet, name)) {
        sheets.push(sheet);
      }
      signal?.throwIfAborted();
    }
    if (sheets.length === 0) {
      throw new UserError(
        "empty-data",
        "No sheet of the workbook holds a header and a row of text.",
        {
          where: name,
          remedy:
            "Write the names of the columns into the first row of a sheet, and rows below it.",
        },
      );
    }
    return new Workbook(name, bytes, sheets, dayZero);
  }

  /** Rows of a sheet, with their numbers in it. */
  async *read(sheet: string, signal?: AbortSignal): AsyncGenerator<RowBatch, void> {
    const rows = new SheetRows(this.#name, this.#dayZero);
    let count = 0;
    for await (const { index, values } of sheetRows(this.#bytes, sheet, this.#name)) {
      rows.take(values, index + 1);
      if (++count % rowsOfBatch === 0) {
        signal?.throwIfAborted();
        yield rows.batch.take(0);
      }
    }
    signal?.throwIfAborted();
    yield rows.batch.take(this.#bytes.length);
  }
}

interface SheetHeader {
  names: readonly (string | undefined)[];
  /** Its row and its names, for a fault. */
  where: string;
}

class SheetRows {
  readonly batch: BatchBuilder;
  readonly #fileName: string;
  readonly #dayZero: number;
  #header: SheetHeader | undefined;

  constructor(fileName: string, dayZero: number) {
    this.#fileName = fileName;
    this.#dayZero = dayZero;
    this.batch = new BatchBuilder(fileName);
  }

  take(given: Cells, number: number): void {
    const cells = given.map((cell) => this.#plain(cell));
    if (cells.every(isEmpty)) {
      return;
    }
    if (this.#header === undefined) {
      const texts = cells.map(headerText);
      const { names, note } = parseHeader(texts, number, this.#fileName);
      const quoted = names.flatMap((name) => (name === undefined ? [] : JSON.stringify(name)));
      this.#header = { names, where: `row ${number}: ${quoted.join(", ")}` };
      this.batch.addNote(note);
      return;
    }
    this.#takeRow(cells, number, this.#header);
  }

  /** A date is text; an error is no value, as in pandas. */
  #plain(cell: CellValue | undefined): CellValue | undefined {
    if (cell instanceof Date) {
      return dateText(cell, this.#dayZero);
    }
    if (typeof cell === "string" && errors.test(cell)) {
      this.batch.addNote("Cells with an error, such as #N/A, are read as empty.");
      return null;
    }
    return cell;
  }

  #takeRow(cells: Cells, number: number, { names, where }: SheetHeader): void {
    const extra = cells.findIndex((cell, i) => !isEmpty(cell) && i > 0 && names[i] === undefined);
    if (extra !== -1) {
      // A title above the real header is the usual cause: its text shows it.
      this.batch.addFault(
        `a value in column ${extra + 1}, which has no name in the header (${where})`,
        cells.map(headerText).join(", "),
        number,
      );
      return;
    }
    const entries = names.flatMap((name, i) =>
      name === undefined ? [] : [[name, valueOf(name, cells[i])] as const],
    );
    const row = Object.fromEntries(entries);
    const length = textLength(row);
    if (length > maxRowLength) {
      this.batch.addFault(tooLong(length), "", number);
    } else if (/[\ud800-\udfff]/u.test(cells.map(headerText).join(""))) {
      this.batch.addFault("half of a character (a lone surrogate)", "", number);
    } else {
      this.batch.add(row, number);
    }
  }
}

function isEmpty(cell: CellValue | undefined): boolean {
  return cell === null || cell === undefined || (typeof cell === "string" && cell.trim() === "");
}

/** Numbers and truth values stay; a formula is the value that the workbook keeps of it. */
function valueOf(column: string, cell: CellValue | undefined): unknown {
  return typeof cell === "string" ? cellValue(column, cell) : (cell ?? null);
}

function headerText(cell: CellValue | undefined): string {
  return typeof cell === "string" ? cell : JSON.stringify(cell ?? "");
}

/**
 * As a person sees it: a day, a time of day, both, or the hours of a duration. Excel has one kind
 * of number for them: what is close to day zero and is no whole day is hours.
 */
function dateText(date: Date, dayZero: number): string {
  if (Number.isNaN(date.getTime())) {
    return "";
  }
  const elapsed = date.getTime() - dayZero;
  const isWholeDay = elapsed % dayMs === 0 && elapsed !== 0;
  const [day = "", time = ""] = date.toISOString().replace("Z", "").split("T");
  const withoutZeros = time.replace(/\.000$/, "");
  if (elapsed >= 0 && elapsed < longestDuration * dayMs && !isWholeDay) {
    const hours = Math.floor(elapsed / hourMs);
    return `${String(hours).padStart(2, "0")}${withoutZeros.slice(2)}`;
  }
  return isWholeDay ? day : `${day} ${withoutZeros}`;
}

/** Sheets that are not hidden, and the day that the workbook counts from: of 1900, or 1904. */
async function visibleSheets(
  bytes: Uint8Array,
  fileName: string,
): Promise<{ names: string[]; dayZero: number }> {
  const { readXlsx } = await import("hucre/xlsx");
  const names: string[] = [];
  const { dateSystem } = await guarded(fileName, () =>
    readXlsx(bytes, {
      sheets: ({ name, hidden = false, veryHidden = false }) => {
        if (!hidden && !veryHidden) {
          names.push(name);
        }
        return false;
      },
    }),
  );
  const dayZero = dateSystem === "1904" ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, 31);
  return { names, dayZero };
}

async function holdsText(bytes: Uint8Array, sheet: string, fileName: string): Promise<boolean> {
  let rows = 0;
  let withText = 0;
  for await (const { values } of sheetRows(bytes, sheet, fileName)) {
    rows += values.every(isEmpty) ? 0 : 1;
    withText += values.some((cell) => typeof cell === "string" && !isEmpty(cell)) ? 1 : 0;
    if (rows === sampleRows) {
      break;
    }
  }
  return rows > 1 && withText > 0;
}

async function* sheetRows(
  bytes: Uint8Array,
  sheet: string,
  fileName: string,
): AsyncGenerator<{ index: number; values: Cells }> {
  const { streamXlsxRows } = await import("hucre/xlsx");
  const rows = streamXlsxRows(bytes, { sheet });
  try {
    for (;;) {
      const next = await guarded(fileName, () => rows.next());
      if (next.done === true) {
        return;
      }
      yield next.value;
    }
  } finally {
    await rows.return();
  }
}

/** hucre throws errors of many kinds on a broken archive or XML: all are the file's fault. */
async function guarded<T>(fileName: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new UserError("bad-row", `The workbook cannot be read: ${what}.`, {
      where: fileName,
      remedy: "Open it in Excel or LibreOffice, save it again as .xlsx or as CSV, and choose that.",
      cause,
    });
  }
}
