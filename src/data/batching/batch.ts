// Micro-batches as an engine reads them: token rows of one length, with targets already shifted and
// -100 where nothing is learned.

/** Target of a token that is not trained (PyTorch's ignore_index). */
export const IGNORED = -100;

/**
 * `rows` x `length` tokens, row-major. Tokens attend to earlier tokens of the same segment in their
 * row, so a row holds one padded example, or several packed ones with different segment numbers.
 */
export interface TokenBatch {
  rows: number;
  length: number;
  tokens: Int32Array;
  /** Position of each token in its segment, from 0. */
  positions: Int32Array;
  /** Segment of each token, from 1; 0 is padding. */
  segments: Int32Array;
  /** The token to predict at each place, or IGNORED. */
  targets: Int32Array;
  /**
   * Factor of each target's cross-entropy in the loss, sum(weights * CE) / sum(|weights|): its
   * row's weight divided by the row's targets. Null where no row has a weight: each target counts
   * 1.
   */
  weights: Float32Array | null;
  /** How many targets are not IGNORED. */
  supervisedTokens: number;
}

/** Rows are padded to a multiple of this, so that the tiles of matrix products are full. */
const lengthBlock = 8;

/** Row length of all batches of a run, in tokens. One length, so that no buffer is ever resized. */
export function batchLength(longestRow: number): number {
  return Math.ceil(longestRow / lengthBlock) * lengthBlock;
}

interface Row {
  tokens: ArrayLike<number>;
  isTrained: ArrayLike<boolean | number>;
  /** Null or absent in a data set without weights. */
  weight?: number | null;
}

/**
 * Writes the examples of each row one after another, each as a segment. The rest of a row and
 * missing rows are padding.
 * @param examples the examples of each row; at most `rows` rows, each of at most `length` tokens
 */
export function fillBatch(
  examples: readonly (readonly Row[])[],
  rows: number,
  length: number,
): TokenBatch {
  const places = rows * length;
  const batch: TokenBatch = {
    rows,
    length,
    tokens: new Int32Array(places),
    positions: new Int32Array(places),
    segments: new Int32Array(places),
    targets: new Int32Array(places).fill(IGNORED),
    weights: examples.flat().some(({ weight }) => typeof weight === "number")
      ? new Float32Array(places)
      : null,
    supervisedTokens: 0,
  };
  examples.forEach((sharing, row) => {
    let begin = row * length;
    sharing.forEach((example, index) => {
      writeSegment(batch, example, begin, index + 1);
      begin += example.tokens.length;
    });
  });
  return batch;
}

/**
 * A position's target is the next token of its segment. So the first token of a segment is never a
 * target, and its last position has none: no example predicts another.
 */
function writeSegment(
  batch: TokenBatch,
  { tokens, isTrained, weight }: Row,
  begin: number,
  segment: number,
): void {
  const before = batch.supervisedTokens;
  for (let place = 0; place < tokens.length; place++) {
    const token = tokens[place] as number;
    const index = begin + place;
    batch.tokens[index] = token;
    batch.positions[index] = place;
    batch.segments[index] = segment;
    if (place > 0 && isTrained[place]) {
      batch.targets[index - 1] = token;
      batch.supervisedTokens++;
    }
  }
  weigh(batch, begin, tokens.length, (weight ?? 1) / (batch.supervisedTokens - before));
}

/** Gives the targets of a segment their factor in the loss. */
function weigh({ targets, weights }: TokenBatch, begin: number, length: number, factor: number) {
  for (let index = begin; weights !== null && index < begin + length; index++) {
    weights[index] = targets[index] === IGNORED ? 0 : factor;
  }
}

/** Tokens of each row, padding left out. */
export function rowTokens({ rows, length, segments }: TokenBatch): number[] {
  return Array.from({ length: rows }, (_, row) => {
    const own = segments.subarray(row * length, (row + 1) * length);
    return own.reduce((count, segment) => count + (segment === 0 ? 0 : 1), 0);
  });
}
