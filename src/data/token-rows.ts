// Rows of a token store in an order, cut to one length: the training rows of an epoch, the held-out
// rows. An index of four bytes a row; the rows themselves stay in the store.
import type { RowPlace } from "./example.ts";
import type { TokenRow, TokenStore } from "./token-store.ts";

export class TokenRows implements Iterable<TokenRow> {
  readonly #store: TokenStore;
  readonly #maxLength: number;
  readonly #order: Uint32Array;

  /**
   * @param maxLength tokens; longer rows are cut on the right
   * @param order the rows, by their index in the store; all of them unless given
   */
  constructor(store: TokenStore, maxLength: number, order?: Uint32Array) {
    this.#store = store;
    this.#maxLength = maxLength;
    this.#order = order ?? Uint32Array.from({ length: store.length }, (_, row) => row);
  }

  get length(): number {
    return this.#order.length;
  }

  /** @param index from 0, below `length` */
  at(index: number): TokenRow {
    return this.#store.row(this.#row(index), this.#maxLength);
  }

  *[Symbol.iterator](): Generator<TokenRow> {
    for (const row of this.#order) {
      yield this.#store.row(row, this.#maxLength);
    }
  }

  /** Tokens of a row, after the cut. */
  tokensOf(index: number): number {
    return this.#store.lengthOf(this.#row(index), this.#maxLength);
  }

  /** Tokens of a row, after the cut; also those that the store does not keep. */
  wholeTokensOf(index: number): number {
    return Math.min(this.#store.fullLengthOf(this.#row(index)), this.#maxLength);
  }

  /** Tokens of the longest row, after the cut; also those that the store does not keep. */
  longest(): number {
    let most = 0;
    for (let index = 0; index < this.length; index++) {
      most = Math.max(most, this.wholeTokensOf(index));
    }
    return most;
  }

  /** Trained tokens of a row, after the cut. */
  trainedOf(index: number): number {
    return this.#store.trainedOf(this.#row(index), this.#maxLength);
  }

  /** Number of the row's source among the usable rows, from 0. */
  sourceOf(index: number): number {
    return this.#store.sourceOf(this.#row(index));
  }

  /** How many examples of the row at this place are among them. */
  countOf({ file, line }: RowPlace): number {
    return this.#order.reduce(
      (count, row) =>
        this.#store.lineOf(row) === line && this.#store.fileOf(row) === file ? count + 1 : count,
      0,
    );
  }

  /** Examples of one group are next to each other, and on one side of a split. */
  groupOf(index: number): number {
    return this.#store.groupOf(this.#row(index));
  }

  isCut(index: number): boolean {
    return this.#store.fullLengthOf(this.#row(index)) > this.#maxLength;
  }

  /** The rows at these indexes, in their order. */
  pick(indexes: Uint32Array): TokenRows {
    const order = indexes.map((index) => this.#row(index));
    return new TokenRows(this.#store, this.#maxLength, order);
  }

  /** Its rows and those of another list of the same store, in the order of the data. */
  joined(others: TokenRows): TokenRows {
    const order = new Uint32Array(this.length + others.length);
    order.set(this.#order);
    order.set(others.#order, this.length);
    return new TokenRows(this.#store, this.#maxLength, order.sort());
  }

  /** The rows from `begin` to `end` (exclusive), as `Array.slice` takes them. */
  slice(begin: number, end?: number): TokenRows {
    return new TokenRows(this.#store, this.#maxLength, this.#order.subarray(begin, end));
  }

  /** The rows for which `isWanted` holds. */
  filter(isWanted: (index: number) => boolean): TokenRows {
    const order = this.#order.filter((_, index) => isWanted(index));
    return new TokenRows(this.#store, this.#maxLength, order);
  }

  /** Sum of a number of each row. */
  sum(of: (index: number) => number): number {
    let sum = 0;
    for (let index = 0; index < this.length; index++) {
      sum += of(index);
    }
    return sum;
  }

  #row(index: number): number {
    return this.#order[index] as number;
  }
}
