// Who sees whom, as two tables of ranges: the keys each query sees, and the queries each key is
// seen by.
import { invariant } from "../../util/assert.ts";

/**
 * The keys each token of packed segments sees: those of its own segment up to itself, the last
 * `span` of them (a sliding window).
 * @param segments lengths, one after the other
 * @returns [tokens, 2]: first key, end of keys
 */
export function causalRanges(
  segments: readonly number[],
  span = Infinity,
): Uint32Array<ArrayBuffer> {
  const ranges: number[] = [];
  let start = 0;
  for (const length of segments) {
    for (let row = start; row < start + length; row++) {
      ranges.push(Math.max(start, row + 1 - span), row + 1);
    }
    start += length;
  }
  return Uint32Array.from(ranges);
}

/**
 * The queries each key is seen by: a range without gaps, and so exactly the same pairs, because
 * first and end keys never fall from one query to the next. So it is in segments and sliding
 * windows; anything else is refused.
 * @param ranges [queries, 2]: first key, end of keys; equal for a query that sees nothing
 * @returns [keys, 2]: first query, end of queries
 */
export function keyRanges(ranges: Uint32Array, keys: number): Uint32Array<ArrayBuffer> {
  const seen = new Uint32Array(2 * keys);
  let [first, end, seer] = [0, 0, -1]; // of the last query that sees anything
  for (let query = 0; query < ranges.length / 2; query++) {
    const from = ranges[2 * query] ?? 0;
    const to = ranges[2 * query + 1] ?? 0;
    if (from >= to) {
      continue;
    }
    const follows = seer === query - 1 || from >= end;
    invariant(
      from >= first && to >= end && to <= keys && follows,
      `query ${query} sees keys ${from} to ${to} after one that sees ${first} to ${end}`,
    );
    for (let key = first; key < Math.min(from, end); key++) {
      seen[2 * key + 1] = seer + 1;
    }
    for (let key = Math.max(from, end); key < to; key++) {
      seen[2 * key] = query;
    }
    [first, end, seer] = [from, to, query];
  }
  for (let key = first; key < end; key++) {
    seen[2 * key + 1] = seer + 1;
  }
  return seen;
}
