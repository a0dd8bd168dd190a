// The data set of a run: training and held-out rows as tokens, counted, and the order of an epoch.
import { permutation, streams, substream } from "../util/random.ts";
import { UserError } from "../util/errors.ts";
import { formatCountOf } from "../util/format.ts";
import type { PromptForm, PromptForms } from "./prompt-form.ts";
import type { RowGroup, RowGroups } from "./row-groups.ts";
import { split, type GivenSplit, type SplitOptions } from "./split.ts";
import { TokenRows } from "./token-rows.ts";
import type { TokenStore } from "./token-store.ts";

/** All rows of a data set as tokens, for one tokenizer, template and rule of masks. */
export interface TokenizedData {
  store: TokenStore;
  /** Rows that are not in the store, by reason. */
  left: RowGroups;
  /** Things to know of rows that are in the store. */
  notices: RowGroups;
  /** How the rows in the store give their prompts. */
  promptForms: PromptForms;
}

export interface DatasetOptions extends SplitOptions {
  maxLength: number;
  packing: boolean;
}

export interface Dataset {
  train: TokenRows;
  heldOut: TokenRows;
  /** Whether the rows have weights: all have, or none. */
  isWeighted: boolean;
  /** How most rows give their prompts, so that others are given likewise. */
  promptForm: PromptForm;
  /** Tokens the loss counts in one pass over the training rows. */
  trainedTokens: number;
  /** Tokens of the longest example, after cutting. */
  longestExample: number;
  /**
   * Tokens that a row of a batch needs: the longest example, or with packing maxLength where the
   * data fill it.
   */
  longestRow: number;
  /** Rows cut to maxLength and used. */
  truncatedRows: number;
  /** Rows left out: the cut leaves no trained token, or they cannot be trained. */
  droppedRows: number;
}

/**
 * Splits the rows that have a trained token, and counts them.
 * @throws UserError "too-long" when cutting leaves nothing to learn, "no-completion" when no row
 *   has a trained token
 */
export function splitDataset(
  { store, left, promptForms }: TokenizedData,
  options: DatasetOptions,
  given: GivenSplit = {},
): Dataset {
  const all = new TokenRows(store, options.maxLength);
  const usable = usableOf(all);
  refuseNothing(all, usable.length, left, options.maxLength);
  const { train, heldOut } = split(usable, options, given);
  const longestExample = usable.longest();
  return {
    train,
    heldOut,
    isWeighted: store.isWeighted,
    promptForm: promptForms.common,
    trainedTokens: train.sum((index) => train.trainedOf(index)),
    longestExample,
    longestRow: options.packing
      ? Math.max(longestExample, Math.min(options.maxLength, countTokens(train)))
      : longestExample,
    truncatedRows: usable.sum((index) => (usable.isCut(index) ? 1 : 0)),
    droppedRows: all.length - usable.length + left.count,
  };
}

/** The held-out rows of `splitDataset`; none where it refuses the rows. */
export function heldOutOf(
  { store }: TokenizedData,
  options: DatasetOptions,
  given: GivenSplit = {},
): TokenRows {
  return split(usableOf(new TokenRows(store, options.maxLength)), options, given).heldOut;
}

function usableOf(all: TokenRows): TokenRows {
  return all.filter((index) => all.trainedOf(index) > 0);
}

/** The last order made of some rows: every step of an epoch asks for the same. */
const lastOrders = new WeakMap<TokenRows, { epoch: number; seed: number; order: TokenRows }>();

/** Training rows in the order of one epoch. */
export function epochOrder(
  train: TokenRows,
  epoch: number,
  { shuffle, seed }: Pick<DatasetOptions, "shuffle" | "seed">,
): TokenRows {
  if (!shuffle) {
    return train;
  }
  const last = lastOrders.get(train);
  if (last?.epoch === epoch && last.seed === seed) {
    return last.order;
  }
  const order = train.pick(epochIndexes(train.length, epoch, { shuffle, seed }));
  lastOrders.set(train, { epoch, seed, order });
  return order;
}

/** The order of one epoch as numbers of training rows. */
export function epochIndexes(
  rows: number,
  epoch: number,
  { shuffle, seed }: Pick<DatasetOptions, "shuffle" | "seed">,
): Uint32Array {
  return shuffle
    ? permutation(seed, substream(streams.shuffle, epoch), rows)
    : Uint32Array.from({ length: rows }, (_, row) => row);
}

/** Tokens of the rows, after cutting. */
export function countTokens(rows: TokenRows): number {
  return rows.sum((index) => rows.tokensOf(index));
}

function refuseNothing(
  all: TokenRows,
  usable: number,
  { list: groups, count }: RowGroups,
  maxLength: number,
): void {
  if (usable > 0) {
    return;
  }
  const cut = all.filter((index) => all.isCut(index));
  const rows = all.length + count;
  const reasons = groups.map(
    (group) => `${formatCountOf(group.count, "row")}: ${exampleOf(group)}`,
  );
  if (cut.length === 0) {
    const why = reasons.length === 0 ? "" : ` (${reasons.join("; ")})`;
    const none = rows === 1 ? "The only row has no" : `None of the ${rows} rows has a`;
    const what = all.length === 0 && count > 0 ? "No row can be trained" : `${none} trained token`;
    throw new UserError("no-completion", `${what}${why}.`, {
      remedy: "Give the rows a completion, an answer of the assistant, or text.",
    });
  }
  const longestFull = [...cut].reduce((most, row) => Math.max(most, row.fullLength), 0);
  const which = cut.length === rows ? `All ${rows}` : `${cut.length} of ${rows}`;
  const others =
    cut.length === rows ? "" : `; ${["the others have no trained token", ...reasons].join("; ")}`;
  throw new UserError(
    "too-long",
    `${which} rows are longer than maxLength (${maxLength} tokens) before their completion begins${others}.`,
    { remedy: `Raise maxLength; the longest row has ${longestFull} tokens.` },
  );
}

function exampleOf({ rows: [first] }: RowGroup): string {
  return first === undefined ? "" : `line ${first.line}: ${first.words}`;
}
