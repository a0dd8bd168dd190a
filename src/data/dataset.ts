// Splits tokenised rows into training and held-out rows and counts them.
import { permutation, streams, substream } from "../util/random.ts";
import { UserError } from "../util/errors.ts";
import { TokenRows } from "./token-rows.ts";
import type { TokenStore } from "./token-store.ts";

export interface DatasetOptions {
  maxLength: number;
  shuffle: boolean;
  packing: boolean;
  heldOutRows: number;
  seed: number;
}

export interface Dataset {
  train: TokenRows;
  heldOut: TokenRows;
  /** Whether the rows have weights: all have, or none. */
  isWeighted: boolean;
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
  /** Rows left out because no trained token was left. */
  droppedRows: number;
}

/** The largest share of the rows that is held out. */
const largestShare = 1 / 5;

/** Substream of the split's shuffle; those of the epochs are 0, 1, 2 and so on. */
const splitStream = 0xffffffff;

/**
 * Keeps the last `heldOutRows` of the (shuffled) rows out of training, but no more than a fifth.
 * A seed gives the same split again.
 * @param heldOutRows how many a saved run held out, which is resumed with the same split
 * @throws UserError "too-long" when cutting leaves nothing to learn, "no-completion" when no row
 *   has a trained token
 */
export function splitDataset(
  store: TokenStore,
  options: DatasetOptions,
  heldOutRows?: number,
): Dataset {
  const all = new TokenRows(store, options.maxLength);
  const usable = all.filter((index) => all.trainedOf(index) > 0);
  refuseNothing(all, usable.length, options.maxLength);
  const ordered = options.shuffle ? shuffled(usable, options.seed) : usable;
  const cut = ordered.length - (heldOutRows ?? countHeldOut(ordered.length, options.heldOutRows));
  const train = ordered.slice(0, cut);
  const longestExample = longest(usable);
  return {
    train,
    heldOut: ordered.slice(cut),
    isWeighted: store.isWeighted,
    trainedTokens: train.sum((index) => train.trainedOf(index)),
    longestExample,
    longestRow: options.packing
      ? Math.max(longestExample, Math.min(options.maxLength, countTokens(train)))
      : longestExample,
    truncatedRows: usable.sum((index) => (usable.isCut(index) ? 1 : 0)),
    droppedRows: all.length - usable.length,
  };
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
  const order = train.pick(permutation(seed, substream(streams.shuffle, epoch), train.length));
  lastOrders.set(train, { epoch, seed, order });
  return order;
}

/** Tokens of the rows, after cutting. */
export function countTokens(rows: TokenRows): number {
  return rows.sum((index) => rows.tokensOf(index));
}

function countHeldOut(rows: number, wanted: number): number {
  return Math.min(wanted, Math.floor(rows * largestShare));
}

function shuffled(rows: TokenRows, seed: number): TokenRows {
  return rows.pick(permutation(seed, substream(streams.shuffle, splitStream), rows.length));
}

function longest(rows: TokenRows): number {
  let most = 0;
  for (let index = 0; index < rows.length; index++) {
    most = Math.max(most, rows.tokensOf(index));
  }
  return most;
}

function refuseNothing(all: TokenRows, usable: number, maxLength: number): void {
  if (usable > 0) {
    return;
  }
  const cut = all.filter((index) => all.isCut(index));
  if (cut.length === 0) {
    throw new UserError("no-completion", `None of the ${all.length} rows has a trained token.`, {
      remedy: "Give the rows a completion, an answer of the assistant, or text.",
    });
  }
  const longestFull = [...cut].reduce((most, row) => Math.max(most, row.fullLength), 0);
  const which = cut.length === all.length ? `All ${all.length}` : `${cut.length} of ${all.length}`;
  throw new UserError(
    "too-long",
    `${which} rows are longer than maxLength (${maxLength} tokens) before their completion begins${
      cut.length === all.length ? "" : "; the others have no trained token"
    }.`,
    { remedy: `Raise maxLength; the longest row has ${longestFull} tokens.` },
  );
}
