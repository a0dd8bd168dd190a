// What becomes of the rows: lengths, and the rows that are cut, left out, repeated, or both trained
// and held out.
import type { Dataset, TokenizedData } from "./dataset.ts";
import type { RowPlace } from "./example.ts";
import { findEqual } from "./equal-rows.ts";
import { RowGroups, listedRows, type RowGroup } from "./row-groups.ts";
import { TokenRows } from "./token-rows.ts";

export interface RowList {
  count: number;
  /** The first 1000. */
  rows: RowPlace[];
}

export interface DataReport {
  /** Examples by their tokens before cutting: `counts[i]` from i * binTokens up to the next. */
  lengths: { binTokens: number; counts: number[]; longest: number };
  /** Examples that are trained or held out, cut to maxLength. */
  cut: RowList;
  /** Rows that are not used, by reason. */
  left: readonly RowGroup[];
  /** Things to know of rows that are used. */
  notices: readonly RowGroup[];
  /** Examples with the tokens of another one before them. */
  repeated: RowList;
  /** Held-out examples whose tokens are trained, too: the held-out loss is too good by them. */
  inBoth: RowList;
}

const bins = 48;

/**
 * @param tokenized the rows of `dataset`, before its cut
 * @param maxLength that the data set was cut to
 */
export function reportOf(
  { store, left, notices }: TokenizedData,
  { train, heldOut }: Dataset,
  maxLength: number,
): DataReport {
  const all = new TokenRows(store, Infinity);
  const cutRows = new TokenRows(store, maxLength);
  const dropped = new RowGroups();
  for (let index = 0; index < cutRows.length; index++) {
    if (cutRows.trainedOf(index) === 0) {
      const isCut = cutRows.isCut(index);
      const words = isCut
        ? `maxLength (${maxLength} tokens) ends before its first trained token`
        : "it has no token that another one predicts";
      dropped.add(isCut ? "cut" : "mask", cutRows.at(index), words);
    }
  }
  return {
    lengths: lengthsOf(all),
    cut: listOf([train, heldOut], (rows, index) => rows.isCut(index)),
    left: [...left.list, ...dropped.list],
    notices: notices.list,
    ...equalsOf(train, heldOut),
  };
}

function lengthsOf(all: TokenRows): DataReport["lengths"] {
  let longest = 0;
  for (let index = 0; index < all.length; index++) {
    longest = Math.max(longest, all.wholeTokensOf(index));
  }
  const binTokens = Math.max(1, Math.ceil((longest + 1) / bins));
  const counts = Array.from({ length: Math.ceil((longest + 1) / binTokens) }, () => 0);
  for (let index = 0; index < all.length; index++) {
    const bin = Math.floor(all.wholeTokensOf(index) / binTokens);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { binTokens, counts, longest };
}

function listOf(
  some: readonly TokenRows[],
  isWanted: (rows: TokenRows, index: number) => boolean,
): RowList {
  const list: RowList = { count: 0, rows: [] };
  for (const rows of some) {
    for (let index = 0; index < rows.length; index++) {
      if (isWanted(rows, index)) {
        add(list, rows, index);
      }
    }
  }
  return list;
}

function equalsOf(train: TokenRows, heldOut: TokenRows): Pick<DataReport, "repeated" | "inBoth"> {
  const repeated: RowList = { count: 0, rows: [] };
  const inBoth: RowList = { count: 0, rows: [] };
  findEqual([train, heldOut], (rows, index, first) => {
    add(repeated, rows, index);
    if (rows === heldOut && first === train) {
      add(inBoth, rows, index);
    }
  });
  return { repeated, inBoth };
}

function add(list: RowList, rows: TokenRows, index: number): void {
  list.count++;
  if (list.rows.length < listedRows) {
    const { line, file } = rows.at(index);
    list.rows.push({ line, file });
  }
}
