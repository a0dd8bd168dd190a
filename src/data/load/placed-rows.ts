// The rows of several files one after another, with the edits of a person. Nothing is kept: each
// pass reads the files again.
import type { ParsedRow, RowFault } from "../../formats/rows.ts";
import type { Table } from "../../formats/table.ts";
import type { Edits } from "./edits.ts";

/** A file whose rows are read. */
export interface OpenFile {
  path: string;
  blob: Blob;
  table: Table;
}

/** A row, or a fault in its place, of the file with this index. */
export type PlacedRow = { file: number } & (ParsedRow | RowFault);

export interface RowsRead {
  /** Index of their file. */
  file: number;
  /** In the order of the file. */
  rows: PlacedRow[];
  /** Bytes of all files read so far. */
  doneBytes: number;
  /** Whole sentences on how the file was read. */
  notes: readonly string[];
}

/**
 * All rows, some thousand at a time.
 * @throws UserError "bad-row" for a file that cannot be read at all; the signal's AbortError
 */
export async function* placedRows(
  files: readonly OpenFile[],
  edits: Edits,
  signal?: AbortSignal,
): AsyncGenerator<RowsRead, void> {
  let before = 0;
  for (const [file, { blob, table }] of files.entries()) {
    for await (const { readBytes, notes = [], ...batch } of table.read(signal)) {
      signal?.throwIfAborted();
      const { rows, faults } = edits.apply(file, batch.rows, batch.faults);
      yield { file, rows: inOrder(file, rows, faults), doneBytes: before + readBytes, notes };
    }
    before += blob.size;
  }
}

function inOrder(
  file: number,
  rows: readonly ParsedRow[],
  faults: readonly RowFault[],
): PlacedRow[] {
  const placed = [...rows, ...faults].map((row) => ({ file, ...row }));
  return faults.length === 0 ? placed : placed.sort((a, b) => a.line - b.line);
}
