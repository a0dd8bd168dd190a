// Collects the rows and faults of one batch, and counts the rows of a file.
import { formatCount } from "../../util/format.ts";
import { UserError } from "../../util/errors.ts";
import { maxRows, type RowBatch } from "../table.ts";
import type { ParsedRow, RowFault } from "../rows.ts";

/** A bad row is only shown, in the page's list and in the downloaded one: its start is enough. */
const maxFaultText = 200;

export class BatchBuilder {
  readonly #fileName: string;
  readonly #saidNotes = new Set<string>();
  #rows: ParsedRow[] = [];
  #faults: RowFault[] = [];
  #notes: string[] = [];
  #count = 0;

  constructor(fileName: string) {
    this.#fileName = fileName;
  }

  /** @throws UserError "bad-row" beyond the limit of rows */
  add(row: ParsedRow["row"], line: number): void {
    if (this.#count === maxRows) {
      throw new UserError("bad-row", `The file has more than ${formatCount(maxRows)} rows.`, {
        where: this.#fileName,
        remedy: "Use a sample of it, or split it into several runs.",
      });
    }
    this.#count++;
    this.#rows.push({ row, line });
  }

  addFault(what: string, text: string, line: number): void {
    this.#faults.push({ what, text: shortened(text), line });
  }

  /** A whole sentence about the file; said once, however often it is found. */
  addNote(note: string | undefined): void {
    if (note !== undefined && !this.#saidNotes.has(note)) {
      this.#saidNotes.add(note);
      this.#notes.push(note);
    }
  }

  /** What came since the last call. */
  take(readBytes: number): RowBatch {
    const batch = {
      rows: this.#rows,
      faults: this.#faults,
      readBytes,
      ...(this.#notes.length > 0 && { notes: this.#notes }),
    };
    this.#rows = [];
    this.#faults = [];
    this.#notes = [];
    return batch;
  }
}

function shortened(text: string): string {
  return text.length > maxFaultText ? `${text.slice(0, maxFaultText - 1)}…` : text;
}
