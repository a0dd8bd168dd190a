// Tokenised rows in typed arrays: five bytes a token and 36 a row, so that a file of hundreds of
// megabytes fits into the memory of a tab. What does not is refused.
import { invariant } from "../util/assert.ts";
import { UserError } from "../util/errors.ts";
import { formatBytes, formatCountOf } from "../util/format.ts";

/** A row as tokenising makes it. */
export interface StorableRow {
  /** Line in its file, from 1. */
  line: number;
  /** Index of its file. Absent: 0. */
  file?: number;
  /** Number of its row among the usable ones, from 0; several may come of one. Absent: the next. */
  source?: number;
  /** Whether a split may part it from others of its source, as windows of a text. Absent: no. */
  isApart?: boolean;
  tokens: ArrayLike<number>;
  /** Whether the loss counts the token (as a target). */
  isTrained: ArrayLike<boolean | number>;
  /** Tokens before any cut. */
  fullLength: number;
  /** Weight of the row in the loss. Absent: 1. */
  weight?: number | undefined;
}

/** A stored row, read without a copy. */
export interface TokenRow {
  line: number;
  file: number;
  /** Number of its row among the usable ones, from 0. */
  source: number;
  tokens: Int32Array;
  /** 1 where the loss counts the token (as a target), 0 elsewhere. */
  isTrained: Uint8Array;
  /** Tokens before any cut. */
  fullLength: number;
  /** Weight of the row in the loss; null where no row of the store has one. */
  weight: number | null;
}

interface Chunk {
  tokens: Int32Array;
  isTrained: Uint8Array;
  /** Tokens used. */
  end: number;
}

/** As much as a tab has beside the model. */
const maxMemoryBytes = 1.5e9;
const tokenBytes = 5;
/** 36 stored, and what split, order and report take beside; measured, docs/benchmarks.md. */
const rowBytes = 100;

/** 1.25 MiB a chunk: no large array is copied to grow, and little is unused in the last one. */
const chunkTokens = 2 ** 18;

/** Places of a row's numbers in the table of rows. */
const fields = {
  chunk: 0,
  begin: 1,
  length: 2,
  fullLength: 3,
  line: 4,
  file: 5,
  source: 6,
  trained: 7,
  group: 8,
};
const rowFields = 9;
/** The table grows by 4096 rows: doubled, it would hold three times its bytes for a moment. */
const pieceBits = 12;
const pieceRows = 2 ** pieceBits;

export class TokenStore {
  readonly #chunks: Chunk[] = [];
  readonly #table: Uint32Array[] = [];
  /** Null until a row has a weight. */
  #weights: Float32Array[] | null = null;
  #length = 0;
  #tokens = 0;
  /** Longer rows are cut on the right, e.g. to the model's context. */
  readonly maxRowTokens: number;

  constructor(maxRowTokens = Infinity) {
    this.maxRowTokens = maxRowTokens;
  }

  /** Rows. */
  get length(): number {
    return this.#length;
  }

  /** Whether a row has a weight; then all have. */
  get isWeighted(): boolean {
    return this.#weights !== null;
  }

  /** Bytes that it holds. */
  get sizeBytes(): number {
    const tokens = this.#chunks.reduce(
      (sum, { isTrained }) => sum + tokenBytes * isTrained.length,
      0,
    );
    return [...this.#table, ...(this.#weights ?? [])].reduce(
      (sum, { byteLength }) => sum + byteLength,
      tokens,
    );
  }

  /**
   * Copies a row to the end.
   * @throws UserError "too-long" when the data take more memory than a tab has
   */
  add({
    line,
    file = 0,
    source = this.#length,
    isApart = false,
    tokens,
    isTrained,
    fullLength,
    weight,
  }: StorableRow): void {
    const length = Math.min(tokens.length, this.maxRowTokens);
    invariant(isTrained.length === tokens.length, "a row has a mask of another length");
    this.#tokens += length;
    refuseTooMuch(this.#length + 1, this.#tokens);
    const chunk = this.#chunkFor(length);
    const begin = chunk.end;
    chunk.tokens.set(
      length === tokens.length ? tokens : Array.from(tokens).slice(0, length),
      begin,
    );
    let trained = 0;
    for (let place = 0; place < length; place++) {
      const counts = isTrained[place] ? 1 : 0;
      chunk.isTrained[begin + place] = counts;
      trained += place > 0 ? counts : 0;
    }
    chunk.end += length;
    const row = this.#length++;
    this.#grow();
    const isFirst = row === 0 || isApart || this.sourceOf(row - 1) !== source;
    const group = isFirst ? row : this.groupOf(row - 1);
    this.#table[pieceOf(row)]?.set(
      [this.#chunks.length - 1, begin, length, fullLength, line, file, source, trained, group],
      placeOf(row) * rowFields,
    );
    this.#setWeight(row, weight);
  }

  /** A row, cut on the right to `maxLength` tokens. */
  row(row: number, maxLength: number): TokenRow {
    const { tokens, isTrained } = this.#chunks[this.#number(row, fields.chunk)] as Chunk;
    const begin = this.#number(row, fields.begin);
    const end = begin + this.lengthOf(row, maxLength);
    return {
      line: this.lineOf(row),
      file: this.fileOf(row),
      source: this.sourceOf(row),
      tokens: tokens.subarray(begin, end),
      isTrained: isTrained.subarray(begin, end),
      fullLength: this.fullLengthOf(row),
      weight: this.#weights?.[pieceOf(row)]?.[placeOf(row)] ?? null,
    };
  }

  lineOf(row: number): number {
    return this.#number(row, fields.line);
  }

  fileOf(row: number): number {
    return this.#number(row, fields.file);
  }

  /** Number of its row among the usable ones, from 0. */
  sourceOf(row: number): number {
    return this.#number(row, fields.source);
  }

  /** Rows of one group stay together in a split: the first row's number in the store. */
  groupOf(row: number): number {
    return this.#number(row, fields.group);
  }

  /** Tokens before any cut, also those that are not stored. */
  fullLengthOf(row: number): number {
    return this.#number(row, fields.fullLength);
  }

  /** Tokens of a row that is cut to `maxLength`. */
  lengthOf(row: number, maxLength: number): number {
    return Math.min(this.#number(row, fields.length), maxLength);
  }

  /**
   * Trained tokens of a row that is cut to `maxLength`. The first token is no target: nothing
   * before it predicts it.
   */
  trainedOf(row: number, maxLength: number): number {
    if (this.#number(row, fields.length) <= maxLength) {
      return this.#number(row, fields.trained);
    }
    const { isTrained } = this.row(row, maxLength);
    let trained = 0;
    for (let place = 1; place < isTrained.length; place++) {
      trained += isTrained[place] ?? 0;
    }
    return trained;
  }

  #number(row: number, field: number): number {
    return this.#table[pieceOf(row)]?.[placeOf(row) * rowFields + field] as number;
  }

  #chunkFor(length: number): Chunk {
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.end + length <= last.isTrained.length) {
      return last;
    }
    const size = Math.max(chunkTokens, length);
    const chunk = { tokens: new Int32Array(size), isTrained: new Uint8Array(size), end: 0 };
    this.#chunks.push(chunk);
    return chunk;
  }

  #grow(): void {
    if (this.#length > this.#table.length * pieceRows) {
      this.#table.push(new Uint32Array(pieceRows * rowFields));
      this.#weights?.push(newWeights());
    }
  }

  #setWeight(row: number, weight: number | undefined): void {
    if (weight === undefined) {
      return;
    }
    this.#weights ??= this.#table.map(newWeights);
    (this.#weights[pieceOf(row)] as Float32Array)[placeOf(row)] = weight;
  }
}

function pieceOf(row: number): number {
  return row >>> pieceBits;
}

function placeOf(row: number): number {
  return row & (pieceRows - 1);
}

function newWeights(): Float32Array {
  return new Float32Array(pieceRows).fill(1);
}

/**
 * To be asked before tokens are made, and again while the tokens become known.
 * @throws UserError "too-long" when rows and tokens take more memory than a tab has
 */
export function refuseTooMuch(rows: number, tokens = 0): void {
  const neededBytes = rows * rowBytes + tokens * tokenBytes;
  if (neededBytes > maxMemoryBytes) {
    const counted =
      tokens === 0
        ? formatCountOf(rows, "row")
        : `${formatCountOf(rows, "row")} and ${formatCountOf(tokens, "token")} or more`;
    throw new UserError(
      "too-long",
      `The data have ${counted}, which take ${formatBytes(neededBytes)} of memory; a tab has ${formatBytes(maxMemoryBytes)} for them.`,
      { remedy: "Choose a part of the data." },
    );
  }
}
