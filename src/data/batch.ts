// What an engine is fed: token rows of one length, with targets already shifted and -100 where nothing is learned.

/** Target of a token that is not trained (PyTorch's ignore_index). */
export const IGNORED = -100;

/**
 * `rows` x `length` tokens, row-major. Tokens attend to earlier tokens of the same segment in their row,
 * so a row holds one padded example, or several packed ones with different segment numbers.
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
  /** How many targets are not IGNORED. */
  supervisedTokens: number;
}
