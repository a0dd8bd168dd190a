// Packs examples into the rows of a micro-batch: first-fit, in the order of the data.
//
// Padding is computed and thrown away, so short examples waste most of a row. Packed examples share
// a row as segments; attention and positions are per segment (data/batching/batch.ts), so the loss
// equals that of separate rows. Cross-contamination, the fault of naive packing, cannot happen.

export interface Packed {
  /** The examples of each row, by their index in the order; a row may be empty. */
  rows: number[][];
  /** Index into the order of the first example after those of the rows. */
  end: number;
}

/**
 * Puts each example into the first row with enough free tokens. The micro-batch ends before the
 * first example that fits into no row.
 *
 * First-fit fills rows better than next-fit, which looks at the last row only. TRL's best-fit
 * decreasing (trl/data_utils.py, pack_dataset) fills them better still, but sorts the whole data
 * set by length. Here the examples of a micro-batch are consecutive in the order, so one index is
 * the whole position in the data, and a checkpoint can resume from it.
 * @param order says how many examples there are, and the tokens of each
 * @param start index into `order` of the first example
 * @param rowCount rows of the micro-batch
 * @param length tokens of a row; no example is longer
 */
export function packRows(
  order: { readonly length: number; tokensOf(index: number): number },
  start: number,
  rowCount: number,
  length: number,
): Packed {
  const rows = Array.from({ length: rowCount }, (): number[] => []);
  const freeTokens = rows.map(() => length);
  let end = start;
  for (; end < order.length; end++) {
    const size = order.tokensOf(end);
    const row = freeTokens.findIndex((free) => free >= size);
    if (row < 0) {
      break;
    }
    rows[row]?.push(end);
    freeTokens[row] = (freeTokens[row] ?? 0) - size;
  }
  if (end === start && start < order.length) {
    throw new Error(`No row of ${length} tokens holds example ${start} of the order.`);
  }
  return { rows, end };
}
