// Turns one object that holds all rows into rows: columns, as pandas and datasets write them, or a
// single row.
import { isRecord } from "../json-row.ts";

/** Names of lists that can belong to one row: their items are turns, tools or answers. */
export const namesOfRow =
  /^(messages|conversations?|dialogue|dialog|turns|prompt|completion|chosen|rejected|tools|history)$/i;

type Row = Record<string, unknown>;

/**
 * Rows of {"a": [1, 2], "b": [3, 4]} (`Dataset.to_dict`), {"a": {"0": 1, "1": 2}} (pandas'
 * `to_json`), {"0": {"a": 1}} (its orient="index") and {"columns": [...], "data": [[...]]}
 * (orient="split"). Any other object is one row.
 * @returns undefined for a value that is no object, an empty one, and columns of unequal length
 */
export function rowsOfObject(value: unknown): Row[] | undefined {
  if (!isRecord(value)) {
    return undefined;
  }
  const entries = Object.entries(value);
  const [first] = entries;
  if (first === undefined) {
    return undefined;
  }
  return splitRows(value) ?? indexedRows(entries) ?? columnRows(entries) ?? singleRow(value);
}

function splitRows({ columns, data }: Row): Row[] | undefined {
  if (!Array.isArray(columns) || !Array.isArray(data) || !data.every(Array.isArray)) {
    return undefined;
  }
  const names = columns.map(String);
  return data.map((cells) =>
    Object.fromEntries(names.map((name, i) => [name, (cells as unknown[])[i] ?? null])),
  );
}

/** Keys of rows, or of cells, count from 0, or are those of pandas' index: numbers. */
function indexedRows(entries: readonly [string, unknown][]): Row[] | undefined {
  return entries.every(([key, row]) => isIndex(key) && isRecord(row))
    ? entries.map(([, row]) => row as Row)
    : undefined;
}

function columnRows(entries: readonly [string, unknown][]): Row[] | undefined {
  const columns = entries.map(([name, column]) => [name, cellsOf(column)] as const);
  const rowCount = columns[0]?.[1]?.length ?? 0;
  const isColumn = ([name, cells]: (typeof columns)[number]) =>
    cells?.length === rowCount && !(namesOfRow.test(name) && cells.some(isRecord));
  if (rowCount === 0 || !columns.every(isColumn)) {
    return undefined;
  }
  return Array.from({ length: rowCount }, (_, i) =>
    Object.fromEntries(columns.map(([name, cells]) => [name, cells?.[i] ?? null])),
  );
}

function cellsOf(column: unknown): unknown[] | undefined {
  if (Array.isArray(column)) {
    return column as unknown[];
  }
  const isIndexed = isRecord(column) && Object.keys(column).every(isIndex);
  return isIndexed ? Object.values(column) : undefined;
}

function isIndex(key: string): boolean {
  return /^\d{1,15}$/.test(key);
}

/** Columns that do not fit together are no row. */
function singleRow(value: Row): Row[] | undefined {
  const cells = Object.values(value);
  return cells.every((cell) => Array.isArray(cell) && !cell.some(isRecord)) ? undefined : [value];
}
