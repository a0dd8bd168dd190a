// The rows that a person loaded: files, how they are read, and edits. The rows stay in the files
// and are read again for each use, so a file of any size takes no memory.
import type { TableChoices, TableKind } from "../../formats/table.ts";
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";
import type { Example } from "../example.ts";
import type { ArrangedFiles } from "../files/arrange.ts";
import { quoted } from "../shapes/row/cell.ts";
import { readExample } from "../shapes/read-example.ts";
import type { Reading } from "../shapes/reading.ts";
import type { Recognition } from "../shapes/recognise.ts";
import type { BadRows } from "./bad-rows.ts";
import { type BadRow } from "./bad-rows.ts";
import { Edits, type RowEdit } from "./edits.ts";
import { placedRows, type OpenFile, type PlacedRow, type RowsRead } from "./placed-rows.ts";

/** What a person can choose about how data are read. */
export interface DataChoices {
  /** Recognised unless given. */
  reading?: Reading | undefined;
  /** By the path of the file. */
  tables?: Readonly<Record<string, TableChoices>> | undefined;
  /** Whether bad rows are left out even if they are more than a tenth. */
  acceptBadRows?: boolean | undefined;
  /** Usable rows from this one on are held out; of the files unless given. */
  heldOutFrom?: number | undefined;
  edits?: readonly RowEdit[] | undefined;
}

/** By the names of the files. */
export type FileRole = "train" | "heldOut" | "test";

/** A file of the data, for the page. */
export interface FileFacts {
  path: string;
  role: FileRole;
  sizeBytes: number;
  kind: TableKind;
  /** Its format, for a person: "CSV, semicolon". */
  description: string;
  sheets: readonly string[];
  /** Rows, bad ones too; 0 for a test file, which is not used. */
  rows: number;
  bad: number;
  /** Whole sentences on how it was read. */
  notes: string[];
}

/** How the rows are read; without a reading they cannot be used before a person chooses one. */
export type RowsReading = Omit<Recognition, "reading"> & { reading: Reading | null };

/** What one pass over all rows has counted. */
export interface Survey {
  /** Rows, bad ones too. */
  rows: number;
  badRows: BadRows;
  /** Usable rows before the first of a held-out file; null without one. */
  heldOutFrom: number | null;
  /** Whether the first usable row is a conversation. */
  isChat: boolean;
}

export interface DataSetParts {
  files: readonly (OpenFile & FileFacts)[];
  /** Which files are used and how, for a person. */
  arrangement: Pick<ArrangedFiles, "skipped" | "sentence">;
  reading: RowsReading;
  choices: DataChoices;
  survey: Survey;
}

export interface ExamplesRead {
  examples: Example[];
  /** Bytes of all files read so far. */
  doneBytes: number;
}

export class DataSet {
  readonly facts: Readonly<DataSetParts>;
  readonly #edits: Edits;

  constructor(parts: DataSetParts) {
    this.facts = parts;
    this.#edits = new Edits(parts.choices.edits ?? []);
  }

  /** Files whose rows are used, in the order of their indexes. */
  get files(): readonly (OpenFile & FileFacts)[] {
    return this.facts.files.filter(({ role }) => role !== "test");
  }

  get sizeBytes(): number {
    return this.files.reduce((sum, { blob }) => sum + blob.size, 0);
  }

  get usableRows(): number {
    const { rows, badRows } = this.facts.survey;
    return rows - badRows.count;
  }

  /**
   * How the rows are read.
   * @throws UserError "bad-row" while no shape is recognised and none is chosen
   */
  get reading(): Reading {
    const { reading, columns } = this.facts.reading;
    if (reading === null) {
      const names = quoted(columns.map(({ name }) => name));
      throw new UserError("bad-row", `No known shape of data has the columns ${names}.`, {
        where: this.files.map(({ path }) => path).join(", "),
        remedy:
          "Choose which column is the prompt and which the completion. Where these are no names of columns, write such names in the first line, or the rows as a list of objects.",
      });
    }
    return reading;
  }

  /** Whether long texts become windows, so that maxLength decides their tokens. */
  get hasWindows(): boolean {
    return this.facts.reading.reading?.windows === true;
  }

  /** All rows, edited, bad ones too. @throws as `placedRows` */
  rows(signal?: AbortSignal): AsyncGenerator<RowsRead, void> {
    return placedRows(this.files, this.#edits, signal);
  }

  /** How the rows are read with a recipe's system message, unless that is empty. */
  readingWith(systemMessage: string): Reading {
    return systemMessage === "" ? this.reading : { ...this.reading, system: systemMessage };
  }

  /** The usable rows as examples. @throws as `rows` and `reading` */
  async *examples(systemMessage = "", signal?: AbortSignal): AsyncGenerator<ExamplesRead, void> {
    const reading = this.readingWith(systemMessage);
    for await (const { rows, doneBytes } of this.rows(signal)) {
      const examples = rows.flatMap((row) => {
        const example = exampleOf(row, reading);
        return "kind" in example ? [example] : [];
      });
      yield { examples, doneBytes };
    }
  }

  /** All rows that cannot be used. @throws as `rows` and `reading` */
  async *badRows(signal?: AbortSignal): AsyncGenerator<BadRow, void> {
    const { reading } = this;
    for await (const { rows } of this.rows(signal)) {
      for (const row of rows) {
        const example = exampleOf(row, reading);
        if (!("kind" in example)) {
          yield example;
        }
      }
    }
  }

  /** The example at this place; null where there is none. */
  async find(file: number, line: number, signal?: AbortSignal): Promise<Example | null> {
    for await (const { examples } of this.examples("", signal)) {
      const found = examples.find((each) => each.file === file && each.line === line);
      if (found !== undefined) {
        return found;
      }
    }
    return null;
  }
}

/** The example of a row, or why it is none. */
export function exampleOf(row: PlacedRow, reading: Reading): Example | BadRow {
  if ("what" in row) {
    return row;
  }
  const example = readExample(row, reading, row.file);
  return typeof example === "string"
    ? { file: row.file, line: row.line, what: example, text: shortJson(row.row) }
    : example;
}
