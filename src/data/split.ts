// Splits examples into training and held-out ones, by groups: answers of one row, or one window.
import { permutation, streams, substream } from "../util/random.ts";
import type { TokenRows } from "./token-rows.ts";

/** What decides the split beside the options. */
export interface GivenSplit {
  /** How many rows a saved run held out, which is resumed with the same split. */
  heldOutRows?: number | undefined;
  /**
   * Usable rows from this one on come from held-out files. They are held out and no others; the
   * order in training is as without them.
   */
  heldOutFrom?: number | null | undefined;
}

/** The largest share of the rows that is held out. */
const largestShare = 1 / 5;

/** Substream of the split's shuffle; those of the epochs are 0, 1, 2 and so on. */
const splitStream = 0xffffffff;

export interface SplitOptions {
  shuffle: boolean;
  heldOutRows: number;
  seed: number;
}

export interface Split {
  train: TokenRows;
  heldOut: TokenRows;
}

/**
 * Keeps the last `heldOutRows` of the (shuffled) rows out of training, but no more than a fifth. A
 * seed gives the same split again.
 */
export function split(
  usable: TokenRows,
  options: SplitOptions,
  { heldOutRows, heldOutFrom }: GivenSplit,
): Split {
  return typeof heldOutFrom === "number"
    ? splitAt(usable, heldOutFrom, options)
    : splitOff(usable, heldOutRows, options);
}

function splitAt(usable: TokenRows, heldOutFrom: number, options: SplitOptions): Split {
  const train = usable.filter((index) => usable.sourceOf(index) < heldOutFrom);
  const heldOut = usable.filter((index) => usable.sourceOf(index) >= heldOutFrom);
  return { train: pickGroups(train, drawOrder(train, options)), heldOut };
}

/** Examples of one row stay together: no answer is held out of a conversation that is trained. */
function splitOff(usable: TokenRows, given: number | undefined, options: SplitOptions): Split {
  const order = drawOrder(usable, options);
  const cut = order.length - (given ?? countHeldOut(order.length, options.heldOutRows));
  return {
    train: pickGroups(usable, order.subarray(0, cut)),
    heldOut: pickGroups(usable, order.subarray(cut)),
  };
}

/** The groups in the order of the split, each by the index of its first example. */
function drawOrder(rows: TokenRows, { shuffle, seed }: SplitOptions): Uint32Array {
  const firsts = new Uint32Array(rows.length);
  let count = 0;
  for (let index = 0; index < rows.length; index++) {
    if (index === 0 || rows.groupOf(index) !== rows.groupOf(index - 1)) {
      firsts[count++] = index;
    }
  }
  const groups = firsts.subarray(0, count);
  return shuffle
    ? permutation(seed, substream(streams.shuffle, splitStream), count).map(
        (group) => groups[group] as number,
      )
    : groups;
}

/** All examples of the groups that begin at these indexes. */
function pickGroups(rows: TokenRows, firsts: Uint32Array): TokenRows {
  const indexes = new Uint32Array(rows.length);
  let count = 0;
  for (const first of firsts) {
    const group = rows.groupOf(first);
    for (let index = first; index < rows.length && rows.groupOf(index) === group; index++) {
      indexes[count++] = index;
    }
  }
  return rows.pick(indexes.subarray(0, count));
}

function countHeldOut(rows: number, wanted: number): number {
  return Math.min(wanted, Math.floor(rows * largestShare));
}
