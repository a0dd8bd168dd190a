// Micro-batches to measure with: rows from all over the data, in the run's shape or a smaller one.
import { fillBatch, type TokenBatch } from "../../data/batching/batch.ts";
import { packRows } from "../../data/batching/packing.ts";
import type { TokenRow } from "../../data/token-store.ts";
import type { TokenRows } from "../../data/token-rows.ts";
import type { BatchShape } from "../../engine/contract.ts";

/**
 * Batches of consecutive rows, from places at equal distances. Of a row longer than the shape its
 * end is taken, where answers are. Batches without a trained token are left out.
 */
export function spreadBatches(
  rows: TokenRows,
  { rows: rowCount, length }: BatchShape,
  isPacked: boolean,
  count: number,
): TokenBatch[] {
  const lastStart = Math.max(0, rows.length - rowCount);
  const starts = Array.from({ length: Math.min(count, lastStart + 1) }, (_, index) =>
    Math.floor((index * lastStart) / Math.max(1, count - 1)),
  );
  const sizes = {
    length: rows.length,
    tokensOf: (index: number) => Math.min(length, rows.tokensOf(index)),
  };
  const indexesFrom = (start: number) =>
    isPacked
      ? packRows(sizes, start, rowCount, length).rows
      : Array.from({ length: Math.min(rowCount, rows.length) }, (_, row) => [start + row]);
  return [...new Set(starts)]
    .map((start) =>
      fillBatch(
        indexesFrom(start).map((sharing) => sharing.map((index) => endOf(rows.at(index), length))),
        rowCount,
        length,
      ),
    )
    .filter(({ supervisedTokens }) => supervisedTokens > 0);
}

function endOf({ tokens, isTrained, weight }: TokenRow, length: number) {
  const begin = Math.max(0, tokens.length - length);
  return { tokens: tokens.subarray(begin), isTrained: isTrained.subarray(begin), weight };
}
