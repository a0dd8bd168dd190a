// The shared part of JSONL and CSV: rows, their limits, and one error for all broken lines.
import { UserError } from "../util/errors.ts";

/** A row of a data file. */
export interface ParsedRow {
  readonly row: Readonly<Record<string, unknown>>;
  /** The line where it begins in the file, from 1. */
  readonly line: number;
}

/**
 * A fault of a row: `what` is a clause without a full stop, `text` the row as it is in the file.
 */
export interface RowFault {
  readonly line: number;
  readonly what: string;
  readonly text: string;
}

/**
 * 1 MiB of text is some 250,000 tokens, longer than any context: a mistake or an attack.
 */
export const maxRowLength = 1024 * 1024;

/** Rows and their tokens stay in memory; a million is weeks of training in a tab. */
export const maxRows = 1_000_000;

const maxShownFaults = 20;
const maxShownText = 80;

/** Collects the rows and the faults of one file. */
export class RowCollector {
  readonly #fileName: string;
  readonly #rows: ParsedRow[] = [];
  readonly #faults: RowFault[] = [];
  #faultCount = 0;

  constructor(fileName: string) {
    this.#fileName = fileName;
  }

  /** @throws UserError "bad-row" beyond the limit of rows */
  add(row: ParsedRow): void {
    if (this.#rows.length === maxRows) {
      throw new UserError("bad-row", `The file has more than ${maxRows} rows.`, {
        where: `${this.#fileName}, line ${row.line}`,
        remedy: "Use a sample of it, or split it into several runs.",
      });
    }
    this.#rows.push(row);
  }

  addFault(fault: RowFault): void {
    this.#faultCount++;
    if (this.#faults.length < maxShownFaults) {
      this.#faults.push({ ...fault, text: shorten(fault.text) });
    }
  }

  /**
   * All rows, or one error about all faults.
   * @throws UserError "bad-row" with the first 20 faults and their count, "empty-data" when there
   * is no row
   */
  finish(remedy: string): ParsedRow[] {
    const [first] = this.#faults;
    if (first !== undefined) {
      throw this.#faultCount === 1 ? this.#oneFault(first, remedy) : this.#manyFaults(remedy);
    }
    if (this.#rows.length === 0) {
      throw new UserError("empty-data", "The file has no rows.", {
        where: this.#fileName,
        remedy: "Choose a file with at least one row.",
      });
    }
    return this.#rows;
  }

  #oneFault({ line, what, text }: RowFault, remedy: string): UserError {
    return new UserError("bad-row", `${what}. Nothing was loaded.\n${text}`, {
      where: `${this.#fileName}, line ${line}`,
      remedy,
    });
  }

  #manyFaults(remedy: string): UserError {
    const left = this.#faultCount - this.#faults.length;
    const lines = this.#faults.map(({ line, what, text }) => `line ${line}: ${what}: ${text}`);
    const rest = left === 0 ? [] : [`and ${left} more`];
    return new UserError(
      "bad-row",
      [`${this.#faultCount} rows are broken. Nothing was loaded.`, ...lines, ...rest].join("\n"),
      { where: this.#fileName, remedy },
    );
  }
}

/** The text without the byte order mark that Windows editors add. */
export function withoutByteOrderMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

function shorten(text: string): string {
  return text.length > maxShownText ? `${text.slice(0, maxShownText - 1)}…` : text;
}
