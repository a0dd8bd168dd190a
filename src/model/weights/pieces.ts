// Divides a matrix into pieces of rows, so that memory is bounded by a piece and not by the tensor.

/** Values of a piece: 16 MiB as f32, the upper limit of a weight part. */
export const pieceElements = 4 * 1024 ** 2;

/** Ranges of whole rows, each about one piece. */
export function* rowPieces(rows: number, cols: number): Generator<[first: number, end: number]> {
  const step = Math.max(1, Math.floor(pieceElements / cols));
  for (let first = 0; first < rows; first += step) {
    yield [first, Math.min(first + step, rows)];
  }
}
