// Opens a data file as a table of rows: by its content first, then by its name.
import {
  detectEncoding,
  encodingNames,
  type DetectedEncoding,
} from "../../formats/tables/encoding.ts";
import { delimiterNames, detectDelimiter } from "../../formats/tables/csv/csv-delimiter.ts";
import { readJson } from "../../formats/tables/json/json.ts";
import { readJsonl } from "../../formats/tables/json/jsonl.ts";
import { LineSplitter, type Line } from "../../formats/tables/line-splitter.ts";
import { readOpening, readPieces, type TableFile } from "../../formats/tables/table-file.ts";
import { readParagraphs, readWholeText } from "../../formats/tables/text.ts";
import type { TextFile } from "../../formats/tables/text-stream.ts";
import { maxRowLength } from "../../formats/rows.ts";
import type { RowBatch, Table, TableChoices, TextRows } from "../../formats/table.ts";
import { UserError } from "../../util/errors.ts";
import { fetched } from "../../util/later.ts";
import { shownText } from "../../util/shown-text.ts";
import { binaryKind, refuseBinary, refuseForeign } from "./foreign-files.ts";
import { textKind } from "./text-kind.ts";

/** Longer than any row, so that a value that does not end within it is no row. */
const openingBytes = 2 * maxRowLength;
/** Characters that show the delimiter of a table. */
const sampleLength = 2 ** 18;
/** The directory of a zip archive is at its end. */
const directoryBytes = 2 ** 16;

/**
 * Opens a file of any kind that is read: JSONL, JSON, CSV, Parquet, XLSX, plain text, each also as
 * .gz. Reads its
 * beginning only.
 * @throws UserError "bad-row" for a file that is no table, saying what it is; "empty-data" for an
 *   empty one; "unreadable-file"; the signal's AbortError
 */
export async function openTable(
  { name, blob }: { name: string; blob: Blob },
  choices: TableChoices & { textRows?: TextRows } = {},
  signal?: AbortSignal,
): Promise<Table> {
  const file = { name, blob, isGzip: await isGzip(name, blob, signal) };
  const opening = await readOpening(file, openingBytes, signal);
  if (opening.length === 0) {
    throw new UserError("empty-data", "The file is empty.", {
      where: name,
      remedy: "Choose a file with at least one row.",
    });
  }
  const end = await endOf(file, signal);
  refuseForeign(opening, end, name);
  const kind = binaryKind(opening);
  return kind === undefined
    ? openText(file, opening, choices)
    : openBinary(kind, await inflated(file, signal), choices, signal);
}

async function openBinary(
  kind: "parquet" | "xlsx",
  file: TableFile,
  choices: TableChoices,
  signal?: AbortSignal,
): Promise<Table> {
  const packed = file.isGzip ? ", gzip" : "";
  if (kind === "parquet") {
    const { readParquet } = await fetched(import("../../formats/tables/parquet/parquet.ts"));
    return {
      kind,
      description: `Parquet${packed}`,
      sheets: [],
      read: (stop) => readParquet(file, stop),
    };
  }
  const { Workbook } = await fetched(import("../../formats/tables/xlsx/xlsx.ts"));
  const workbook = await Workbook.open(file.name, file.blob, signal);
  const { sheets } = workbook;
  const sheet = sheets.find((name) => name === choices.sheet) ?? sheets[0] ?? "";
  return {
    kind,
    description: `Excel, sheet "${shownText(sheet)}"${packed}`,
    sheets,
    read: (stop) => workbook.read(sheet, stop),
  };
}

/** A .gz of a file that is read in ranges: inflated into a Blob, which a browser keeps on disk. */
async function inflated(file: TableFile, signal?: AbortSignal): Promise<TableFile> {
  if (!file.isGzip) {
    return file;
  }
  const parts: Blob[] = [];
  for await (const { bytes } of readPieces(file, signal)) {
    parts.push(new Blob([bytes]));
  }
  return { ...file, blob: new Blob(parts) };
}

function openText(
  file: TableFile,
  opening: Uint8Array<ArrayBuffer>,
  choices: TableChoices & { textRows?: TextRows },
): Table {
  const detected: DetectedEncoding =
    choices.encoding === undefined
      ? detectEncoding(opening, file.name)
      : { encoding: choices.encoding, isCertain: true };
  const { encoding, isCertain } = detected;
  const text = new TextDecoder(encoding).decode(opening);
  refuseBinary(text, file.name);
  const lines = firstLines(text, opening.length < openingBytes);
  const textFile = { ...file, encoding, isEncodingCertain: isCertain };
  const name = encoding === "utf-8" ? "" : `, ${encodingNames[encoding]}`;
  const packed = file.isGzip ? ", gzip" : "";
  const table = textTable(
    textFile,
    textKind(file.name, text, lines),
    lines,
    choices.textRows ?? "paragraphs",
  );
  return { ...table, description: `${table.description}${name}${packed}`, sheets: [] };
}

function textTable(
  file: TextFile,
  kind: ReturnType<typeof textKind>,
  lines: readonly Line[],
  textRows: TextRows,
): Pick<Table, "kind" | "description" | "read"> {
  switch (kind) {
    case "jsonl":
      return { kind, description: "JSON Lines", read: (signal) => readJsonl(file, signal) };
    case "json":
      return { kind, description: "JSON", read: (signal) => readJson(file, signal) };
    case "csv": {
      const delimiter = detectDelimiter(lines);
      const named = delimiterNames.get(delimiter) ?? JSON.stringify(delimiter);
      const read = async function* (signal?: AbortSignal): AsyncGenerator<RowBatch> {
        const { readCsv } = await fetched(import("../../formats/tables/csv/csv.ts"));
        yield* readCsv(file, delimiter, signal);
      };
      return { kind, description: `CSV, ${named}`, read };
    }
    case "text":
      return textRows === "whole"
        ? { kind, description: "plain text", read: (signal) => readWholeText(file, signal) }
        : {
            kind,
            description: "plain text, a row for each paragraph",
            read: (signal) => readParagraphs(file, signal),
          };
  }
}

async function isGzip(name: string, blob: Blob, signal?: AbortSignal): Promise<boolean> {
  const plain = { name, blob: blob.slice(0, 2), isGzip: false };
  const [first, second] = await readOpening(plain, 2, signal);
  return first === 0x1f && second === 0x8b;
}

/** The last bytes of the blob; none of a .gz, whose end is not the end of the file in it. */
async function endOf(file: TableFile, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const blob = file.blob.slice(Math.max(0, file.blob.size - directoryBytes));
  return file.isGzip ? new Uint8Array(0) : readOpening({ ...file, blob }, directoryBytes, signal);
}

/** Lines to recognise a table by. The last one may be cut off, unless the text is whole. */
function firstLines(text: string, isWhole: boolean): readonly Line[] {
  const splitter = new LineSplitter(maxRowLength);
  const lines = [...splitter.push(text.slice(0, sampleLength))];
  return isWhole && text.length <= sampleLength ? [...lines, ...splitter.end()] : lines;
}
