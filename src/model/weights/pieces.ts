// A matrix a piece at a time: what is in memory is about a piece, however large the tensor is.

/** Values of a piece: 16 MiB as f32, the most that a part of a weight takes. */
export const pieceElements = 4 * 1024 ** 2;

/** Whole rows, as many as make a piece. */
export function* rowPieces(rows: number, cols: number): Generator<[first: number, end: number]> {
  const step = Math.max(1, Math.floor(pieceElements / cols));
  for (let first = 0; first < rows; first += step) {
    yield [first, Math.min(first + step, rows)];
  }
}
