// A row of a data file, or what is wrong with it, in every format.

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

/** A row of text in which this is true goes on in the next row. */
export const continuesColumn = "continues";

/**
 * 1 MiB of text is some 250,000 tokens, longer than any context: a mistake or an attack.
 */
export const maxRowLength = 1024 * 1024;
