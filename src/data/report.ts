// What becomes of the rows: lengths, and the rows that are cut, left out, repeated, answered
// otherwise or alike, or both trained and held out.
import { RowCheck, type LeavableFault } from "./check/row-check.ts";
import type { Dataset, TokenizedData } from "./dataset.ts";
import type { RowPlace } from "./example.ts";
import { RowGroups, listedRows, type RowGroup } from "./row-groups.ts";
import { TokenRows } from "./token-rows.ts";
import type { TokenStore } from "./token-store.ts";

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
  /** Examples with another answer than the first one with their prompt. */
  contradictory: RowList;
  /** Examples with the most frequent answer, where nearly all have it. */
  alike: RowList;
  /** Rows that are left out where a fault is mended so. */
  leavable: Readonly<Record<LeavableFault, number>>;
  /** Rows longer than the model's context: no maxLength keeps them whole. */
  overContext: number;
}

const bins = 48;

/**
 * @param tokenized the rows of `dataset`, before its cut
 * @param maxLength that the data set was cut to
 * @param hasHeldOutFiles whether files say what is held out
 */
export function reportOf(
  { store, left, notices }: TokenizedData,
  dataset: Dataset,
  maxLength: number,
  hasHeldOutFiles = false,
): DataReport {
  const check = new RowCheck(dataset, hasHeldOutFiles);
  const used = check.all;
  const whole = new TokenRows(store, Infinity);
  const { contradictory, alike } = check.answers;
  const leavable = (fault: LeavableFault) => check.rowsToLeave(fault).length;
  return {
    lengths: lengthsOf(whole),
    cut: listOf(
      used,
      indexesWhere(used, (index) => used.isCut(index)),
    ),
    left: [...left.list, ...droppedOf(store, maxLength).list],
    notices: notices.list,
    repeated: listOf(used, check.repeated()),
    inBoth: listOf(used, check.heldOutInBoth()),
    contradictory: listOf(used, contradictory),
    alike: listOf(used, alike),
    leavable: {
      repeated: leavable("repeated"),
      inBoth: leavable("inBoth"),
      contradictory: leavable("contradictory"),
      alike: leavable("alike"),
    },
    overContext: indexesWhere(whole, (index) => whole.wholeTokensOf(index) > store.maxRowTokens)
      .length,
  };
}

/** Rows without a trained token once they are cut. */
function droppedOf(store: TokenStore, maxLength: number): RowGroups {
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
  return dropped;
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

function indexesWhere(rows: TokenRows, holds: (index: number) => boolean): number[] {
  return Array.from({ length: rows.length }, (_, index) => index).filter(holds);
}

function listOf(rows: TokenRows, indexes: readonly number[]): RowList {
  return {
    count: indexes.length,
    rows: indexes.slice(0, listedRows).map((index) => {
      const { line, file } = rows.at(index);
      return { line, file };
    }),
  };
}
