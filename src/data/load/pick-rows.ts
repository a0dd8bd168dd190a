// Some rows out of a data set: by number, or those that contain a text.
import type { RowPlace } from "../example.ts";
import type { DataSet } from "./data-set.ts";
import type { PlacedRow } from "./placed-rows.ts";

/** Rows are numbered from 1 through all files, bad ones too. */
export interface RowsWanted {
  /** The first number. */
  from: number;
  /** Begins at this row instead. */
  at?: RowPlace | undefined;
  /** At most this many. */
  count: number;
  /** Only rows with this text, capital letters or not; all where it is empty. */
  search: string;
}

export interface PickedRows {
  rows: { number: number; row: PlacedRow }[];
  /** Number at which the next rows begin; null after the last row. */
  next: number | null;
}

/** @throws as `DataSet.rows`; the signal's AbortError */
export async function pickRows(
  set: DataSet,
  { from, at, count, search }: RowsWanted,
  signal?: AbortSignal,
): Promise<PickedRows> {
  const needle = jsonOf(search).slice(1, -1);
  const picked: PickedRows = { rows: [], next: null };
  let number = 0;
  let isReached = at === undefined;
  for await (const { rows } of set.rows(signal)) {
    if (isReached && number + rows.length < from) {
      number += rows.length;
      continue;
    }
    for (const row of rows) {
      number++;
      isReached ||= row.file === at?.file && row.line === at.line;
      if (!isReached || number < from || (needle !== "" && !textOf(row).includes(needle))) {
        continue;
      }
      if (picked.rows.length === count) {
        return { ...picked, next: number };
      }
      picked.rows.push({ number, row });
    }
  }
  return picked;
}

/** The texts of a row, as JSON escapes them. */
function textOf(row: PlacedRow): string {
  return "what" in row ? jsonOf(row.text) : jsonOf(row.row);
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "bigint" ? String(part) : part,
  ).toLowerCase();
}
