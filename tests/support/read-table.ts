// Opens bytes as a table and reads it whole, for tests of readers.
import type { ParsedRow, RowFault } from "../../src/formats/rows.ts";
import type { RowBatch, Table } from "../../src/formats/table.ts";

export interface ReadTable {
  rows: ParsedRow[];
  faults: RowFault[];
  notes: string[];
}

export function blobOf(content: string | Uint8Array<ArrayBuffer>): Blob {
  return new Blob([content]);
}

/** All batches of a reader as one. */
export async function readAll(batches: AsyncIterable<RowBatch>): Promise<ReadTable> {
  const all: ReadTable = { rows: [], faults: [], notes: [] };
  for await (const { rows, faults, notes = [] } of batches) {
    all.rows.push(...rows);
    all.faults.push(...faults);
    all.notes.push(...notes);
  }
  return all;
}

/** The values of the rows, without their lines. */
export async function rowsOf(table: Table): Promise<ParsedRow["row"][]> {
  return (await readAll(table.read())).rows.map(({ row }) => row);
}
