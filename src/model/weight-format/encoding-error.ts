// The error between stored values and original ones, over a matrix or a whole model.

/** Keeps sums, so that errors of parts and of matrices can be added. */
export class EncodingError {
  /** Sum of (value - stored value)^2. */
  squaredError = 0;
  /** Sum of value^2. */
  squaredNorm = 0;
  /** Largest |value - stored value|. */
  largest = 0;

  /** ||value - stored|| / ||value||; 0 without error. */
  get relative(): number {
    return this.squaredError === 0 ? 0 : Math.sqrt(this.squaredError / this.squaredNorm);
  }

  add({ squaredError, squaredNorm, largest }: EncodingError): void {
    this.squaredError += squaredError;
    this.squaredNorm += squaredNorm;
    this.largest = Math.max(this.largest, largest);
  }

  /** Adds the errors of `stored` against the values from `first` on. */
  compare(values: Float32Array, first: number, stored: Float32Array): void {
    let squaredError = 0;
    let squaredNorm = 0;
    let largest = 0;
    for (let i = 0; i < stored.length; i++) {
      const value = values[first + i] ?? 0;
      const error = Math.abs(value - (stored[i] ?? 0));
      squaredError += error * error;
      squaredNorm += value * value;
      largest = error > largest ? error : largest;
    }
    this.squaredError += squaredError;
    this.squaredNorm += squaredNorm;
    this.largest = Math.max(this.largest, largest);
  }
}
