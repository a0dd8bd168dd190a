// Speed and time left, smoothed over the last steps.

/** Weight of the newest step in the averages. */
const newest = 0.2;

export interface Pace {
  tokensPerSecond: number;
  remainingMs: number;
}

export class PaceMeter {
  #msPerStep: number | null = null;
  #tokensPerMs: number | null = null;

  /** @param durationMs wall time of the step */
  add(tokens: number, durationMs: number, stepsLeft: number): Pace {
    this.#msPerStep = blend(this.#msPerStep, durationMs);
    this.#tokensPerMs = blend(this.#tokensPerMs, tokens / durationMs);
    return {
      tokensPerSecond: this.#tokensPerMs * 1000,
      remainingMs: this.#msPerStep * stepsLeft,
    };
  }
}

function blend(average: number | null, value: number): number {
  return average === null ? value : average + newest * (value - average);
}
