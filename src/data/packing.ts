// Which examples share the rows of a packed micro-batch.

interface Sized {
  tokens: { readonly length: number };
}

export interface Packed<Example> {
  /** The examples of each row, in order; a row may be empty. */
  rows: Example[][];
  /** Index into the order of the first example that is not in them. */
  end: number;
}

/**
 * First-fit over the rows of one micro-batch, which ends before the first example that fits into
 * none of them. Fuller than next-fit, and a micro-batch is still a run of the order without gaps:
 * one index says where the next begins.
 * @param start index into `order` of the first example
 * @param length tokens that a row holds; no example is longer
 */
export function packRows<Example extends Sized>(
  order: readonly Example[],
  start: number,
  rowCount: number,
  length: number,
): Packed<Example> {
  const rows = Array.from({ length: rowCount }, (): Example[] => []);
  const room = rows.map(() => length);
  let end = start;
  for (let example = order[end]; example !== undefined; example = order[++end]) {
    const size = example.tokens.length;
    const row = room.findIndex((tokens) => tokens >= size);
    if (row < 0) {
      break;
    }
    rows[row]?.push(example);
    room[row] = (room[row] ?? 0) - size;
  }
  if (end === start && start < order.length) {
    throw new Error(`No row of ${length} tokens holds example ${start} of the order.`);
  }
  return { rows, end };
}
