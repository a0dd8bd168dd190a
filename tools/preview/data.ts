// The data of a preview, read as the arguments say.
import type { DataSet } from "../../src/data/load/data-set.ts";
import { openDataSet } from "../../src/data/load/open-data-set.ts";
import { readingFault } from "../../src/data/shapes/reading-columns.ts";
import { parseReading } from "../../src/data/shapes/reading.ts";
import type { TableChoices } from "../../src/formats/table.ts";
import { ArgumentError, readJson } from "./arguments.ts";
import type { DiskFile } from "./disk.ts";

export interface DataArguments {
  sheet?: string | undefined;
  encoding?: string | undefined;
  /** A file. */
  reading?: string | undefined;
}

const encodings = ["utf-8", "utf-16le", "utf-16be", "windows-1252"] as const;

/** @throws ArgumentError for a choice that the data do not have; UserError as `openDataSet` */
export async function openPreviewData(
  files: readonly DiskFile[],
  given: DataArguments,
): Promise<DataSet> {
  const choice = choiceOf(given);
  const tables = Object.fromEntries(files.map(({ path }) => [path, choice]));
  const reading = given.reading === undefined ? undefined : parseReading(readJson(given.reading));
  // Bad rows are what this command is there to show, and columns that are not there make all bad.
  const choices = { acceptBadRows: true, reading, tables };
  if (reading !== undefined) {
    const { facts } = await openDataSet(files, { acceptBadRows: true, tables }, () => undefined);
    const fault = readingFault(
      reading,
      facts.reading.columns.map(({ name }) => name),
    );
    if (fault !== null) {
      throw new ArgumentError(`--reading is ${given.reading ?? ""}. ${fault}`);
    }
  }
  const data = await openDataSet(files, choices, () => undefined);
  refuseNoSheet(data, given.sheet);
  return data;
}

function choiceOf({ sheet, encoding }: DataArguments): TableChoices {
  const named = encodings.find((name) => name === encoding);
  if (encoding !== undefined && named === undefined) {
    throw new ArgumentError(
      `--encoding is ${encoding}, but must be one of ${encodings.join(", ")}.`,
    );
  }
  return {
    ...(sheet === undefined ? {} : { sheet }),
    ...(named === undefined ? {} : { encoding: named }),
  };
}

function refuseNoSheet({ files }: DataSet, sheet: string | undefined): void {
  const sheets = files.flatMap((file) => file.sheets);
  if (sheet !== undefined && !sheets.includes(sheet)) {
    const others =
      sheets.length === 0 ? "there is no workbook" : `the sheets are ${sheets.join(", ")}`;
    throw new ArgumentError(`--sheet is ${sheet}, but ${others}.`);
  }
}
