// What becomes of the rows: lengths, and the rows that are cut, left out, repeated, or both trained
// and held out.
import type { Dataset, TokenizedData } from "./dataset.ts";
import type { RowPlace } from "./example.ts";
import { firstEqual } from "./equal-rows.ts";
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
  const used = train.joined(heldOut);
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
    lengths: lengthsOf(new TokenRows(store, Infinity)),
    cut: cutOf(used),
    left: [...left.list, ...dropped.list],
    notices: notices.list,
    ...equalsOf(used, heldOut),
  };
}

function lengthsOf(all: TokenRows): DataReport["lengths"] {
  const longest = all.longest();
  const binTokens = Math.max(1, Math.ceil((longest + 1) / bins));
  const counts = Array.from({ length: Math.ceil((longest + 1) / binTokens) }, () => 0);
  for (let index = 0; index < all.length; index++) {
    const bin = Math.floor(all.wholeTokensOf(index) / binTokens);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return { binTokens, counts, longest };
}

function cutOf(all: TokenRows): RowList {
  const list: RowList = { count: 0, rows: [] };
  for (let index = 0; index < all.length; index++) {
    if (all.isCut(index)) {
      add(list, all, index);
    }
  }
  return list;
}

/** In the order of the data: which row repeats which must not hang on how rows are drawn. */
function equalsOf(all: TokenRows, heldOut: TokenRows): Pick<DataReport, "repeated" | "inBoth"> {
  const repeated: RowList = { count: 0, rows: [] };
  const inBoth: RowList = { count: 0, rows: [] };
  const isHeldOut = heldOutOf(all, heldOut);
  const firsts = firstEqual(all);
  const isTrained = new Uint8Array(all.length);
  firsts.forEach((first, index) => {
    isTrained[first] = isTrained[first] === 1 || !isHeldOut(index) ? 1 : 0;
  });
  firsts.forEach((first, index) => {
    if (first !== index) {
      add(repeated, all, index);
    }
    if (isHeldOut(index) && isTrained[first] === 1) {
      add(inBoth, all, index);
    }
  });
  return { repeated, inBoth };
}

/** A split parts no group, so the side is one of the group. */
function heldOutOf(all: TokenRows, heldOut: TokenRows): (index: number) => boolean {
  const groups = new Uint8Array(all.length === 0 ? 0 : all.groupOf(all.length - 1) + 1);
  for (let index = 0; index < heldOut.length; index++) {
    groups[heldOut.groupOf(index)] = 1;
  }
  return (index) => groups[all.groupOf(index)] === 1;
}

function add(list: RowList, rows: TokenRows, index: number): void {
  list.count++;
  if (list.rows.length < listedRows) {
    const { line, file } = rows.at(index);
    list.rows.push({ line, file });
  }
}
