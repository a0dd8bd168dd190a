// A table of rows, whatever its file format: rows come in batches, so a file is never whole in
// memory.
import type { ParsedRow, RowFault } from "./rows.ts";

export type TableKind = "jsonl" | "json" | "csv" | "parquet" | "xlsx" | "text";

export interface RowBatch {
  rows: readonly ParsedRow[];
  /** Rows that could not be read, with line and reason. They are not in `rows`. */
  faults: readonly RowFault[];
  /** Bytes of the file read so far, for progress. */
  readBytes: number;
}

export interface Table {
  readonly kind: TableKind;
  /** Format with what was detected, for a person: "CSV, semicolon, Windows-1252". */
  readonly description: string;
  /** Names of the sheets of a workbook that hold text; empty for other formats. */
  readonly sheets: readonly string[];
  /**
   * Reads all rows from the start; may be called again.
   * @throws UserError "bad-row" for a file that cannot be read at all; the signal's AbortError
   */
  read(signal?: AbortSignal): AsyncGenerator<RowBatch>;
}

/** What a person can correct about how a file is read. */
export interface TableChoices {
  /** Label of TextDecoder; detected unless given. */
  encoding?: "utf-8" | "utf-16le" | "utf-16be" | "windows-1252";
  /** Sheet of a workbook; the first that holds text unless given. */
  sheet?: string;
}
