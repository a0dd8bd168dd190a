// A table of rows, whatever its file format: rows come in batches, so a file is never whole in
// memory.
import type { ParsedRow, RowFault } from "./rows.ts";

export type TableKind = "jsonl" | "json" | "csv" | "parquet" | "xlsx" | "text";

/**
 * What the `line` of a row counts: lines of the file, or its rows, the first of them 1. A row of a
 * workbook has its number in the sheet.
 */
export function placeWord(kind: TableKind): "line" | "row" {
  return kind === "jsonl" || kind === "csv" || kind === "text" ? "line" : "row";
}

export interface RowBatch {
  rows: readonly ParsedRow[];
  /** Rows that could not be read, with line and reason. They are not in `rows`. */
  faults: readonly RowFault[];
  /** Bytes of the file read so far, for progress. */
  readBytes: number;
  /** Whole sentences on how the file was read, each once a file: a column that was left out. */
  notes?: readonly string[];
}

/**
 * Rows are kept outside memory, a few bytes each within it. This many of 50 bytes are a file of
 * 500 MB, weeks of training in a tab.
 */
export const maxRows = 10_000_000;

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

/** How a text file becomes rows: one for each paragraph, or long ones that go on in one another. */
export type TextRows = "paragraphs" | "whole";
