// The faults that rows of a data set have among each other, and the rows to leave out so that one
// is mended. What several of them need is found once.
import type { Dataset } from "../dataset.ts";
import { firstEqual } from "../equal-rows.ts";
import type { RowPlace } from "../example.ts";
import type { TokenRows } from "../token-rows.ts";
import { answerFaults, type AnswerFaults } from "./answers.ts";

export const leavableFaults = ["repeated", "inBoth", "contradictory", "alike"] as const;
export type LeavableFault = (typeof leavableFaults)[number];

export class RowCheck {
  /** Trained and held-out rows, in the order of the data. */
  readonly all: TokenRows;
  /** Of an index of `all`. */
  readonly isHeldOut: (index: number) => boolean;
  readonly #hasHeldOutFiles: boolean;
  #firsts: Uint32Array | null = null;
  #answers: AnswerFaults | null = null;

  /** @param hasHeldOutFiles whether files say what is held out, so that the split stays as it is */
  constructor({ train, heldOut }: Pick<Dataset, "train" | "heldOut">, hasHeldOutFiles: boolean) {
    this.all = train.joined(heldOut);
    this.isHeldOut = heldOutOf(this.all, heldOut);
    this.#hasHeldOutFiles = hasHeldOutFiles;
  }

  /** For each of `all` the index of the first with its tokens. */
  get firsts(): Uint32Array {
    return (this.#firsts ??= firstEqual(this.all));
  }

  get answers(): AnswerFaults {
    return (this.#answers ??= answerFaults(this.all));
  }

  /** Indexes of those that repeat an earlier one. */
  repeated(): number[] {
    return this.#where((index) => this.firsts[index] !== index);
  }

  /** Indexes of those that are held out while equal ones are trained. */
  heldOutInBoth(): number[] {
    const inBoth = this.#inBoth();
    return this.#where((index) => this.isHeldOut(index) && inBoth(index));
  }

  /** The rows to leave out, each once, in the order of the data. */
  rowsToLeave(fault: LeavableFault): RowPlace[] {
    const places = new Map<string, RowPlace>();
    for (const index of this.#indexesToLeave(fault)) {
      const { file, line } = this.all.at(index);
      places.set(`${file}:${line}`, { file, line });
    }
    return [...places.values()];
  }

  #indexesToLeave(fault: LeavableFault): number[] {
    switch (fault) {
      case "repeated":
        return this.#rowsWhere((begin, end) => this.#isRepeated(begin, end));
      case "inBoth":
        return this.#bothSides();
      case "contradictory":
        return this.answers.contradictory;
      case "alike":
        return surplus(this.answers.alike, this.all.length);
    }
  }

  /**
   * A split by files stays as it is, so a row that is held out as well is left out of training. A
   * drawn split is drawn again, so of equal rows only the first is kept.
   */
  #bothSides(): number[] {
    const inBoth = this.#inBoth();
    return this.#rowsWhere((begin, end) =>
      this.#hasHeldOutFiles
        ? !this.isHeldOut(begin) && every(begin, end, inBoth)
        : this.#isRepeated(begin, end) && !every(begin, end, (index) => !inBoth(index)),
    );
  }

  /** Whether an index of `all` has equal ones on both sides. */
  #inBoth(): (index: number) => boolean {
    const { firsts } = this;
    const [isTrained, isHeld] = [new Uint8Array(firsts.length), new Uint8Array(firsts.length)];
    firsts.forEach((first, index) => {
      (this.isHeldOut(index) ? isHeld : isTrained)[first] = 1;
    });
    return (index) => {
      const first = firsts[index] ?? index;
      return isTrained[first] === 1 && isHeld[first] === 1;
    };
  }

  /** Whether all texts of a row are those of earlier rows. */
  #isRepeated(begin: number, end: number): boolean {
    return every(begin, end, (index) => (this.firsts[index] ?? index) < begin);
  }

  #where(holds: (index: number) => boolean): number[] {
    return Array.from({ length: this.all.length }, (_, index) => index).filter(holds);
  }

  /** The first index of each row for which `isWanted` holds; its texts end before `end`. */
  #rowsWhere(isWanted: (begin: number, end: number) => boolean): number[] {
    const { all } = this;
    const wanted: number[] = [];
    for (let begin = 0; begin < all.length;) {
      let end = begin + 1;
      while (end < all.length && all.sourceOf(end) === all.sourceOf(begin)) {
        end++;
      }
      if (isWanted(begin, end)) {
        wanted.push(begin);
      }
      begin = end;
    }
    return wanted;
  }
}

/** As many rows with the answer are kept as there are rows with others. */
function surplus(alike: number[], rows: number): number[] {
  const others = rows - alike.length;
  return others === 0 ? [] : alike.slice(others);
}

function every(begin: number, end: number, holds: (index: number) => boolean): boolean {
  for (let index = begin; index < end; index++) {
    if (!holds(index)) {
      return false;
    }
  }
  return true;
}

/** Of rows in the order of the data; a split parts no group. */
function heldOutOf(all: TokenRows, heldOut: TokenRows): (index: number) => boolean {
  const groups = new Uint8Array(all.length === 0 ? 0 : all.groupOf(all.length - 1) + 1);
  for (let index = 0; index < heldOut.length; index++) {
    groups[heldOut.groupOf(index)] = 1;
  }
  return (index) => groups[all.groupOf(index)] === 1;
}
