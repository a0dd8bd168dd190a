// How a micro-batch is cut into passes, and how many tokens each computes: rows lie end to end, so
// what is computed beside the tokens themselves is the rest of the last tile.
import { rowTokens, type TokenBatch } from "../../data/batching/batch.ts";
import { invariant } from "../../util/assert.ts";

/** Rows of a batch that go through the device together. */
export interface Pass {
  firstRow: number;
  rows: number;
  /** Of these rows, padding left out. */
  tokens: number;
}

/**
 * As many rows at a time as fit, in order; at least one pass, since it sets the loss to zero.
 * @param mostTokens of a pass
 */
export function passesOf(batch: TokenBatch, mostTokens: number): Pass[] {
  return packPasses(rowTokens(batch), mostTokens);
}

/** @param tokensOfRows those of each row of a batch, padding left out */
export function packPasses(tokensOfRows: readonly number[], mostTokens: number): Pass[] {
  let last: Pass = { firstRow: 0, rows: 0, tokens: 0 };
  const passes = [last];
  tokensOfRows.forEach((tokens, row) => {
    invariant(tokens <= mostTokens, `a row of ${tokens} tokens, planned for ${mostTokens}`);
    if (last.tokens + tokens > mostTokens) {
      last = { firstRow: row, rows: 0, tokens: 0 };
      passes.push(last);
    }
    last.rows++;
    last.tokens += tokens;
  });
  return passes;
}

/** Rows of the products' tiles. */
const tileRows = 64;

/**
 * Tokens that a pass of so many computes: whole tiles, above 512 a multiple of an eighth of the
 * power of two below, so at most an eighth more and eight lengths for each doubling.
 * @param mostTokens of a pass, which is a length of its own
 */
export function passTokens(tokens: number, mostTokens: number): number {
  const eighth = 2 ** Math.floor(Math.log2(Math.max(1, tokens - 1))) / 8;
  const step = Math.max(tileRows, eighth);
  return Math.min(mostTokens, Math.max(1, Math.ceil(tokens / step)) * step);
}
