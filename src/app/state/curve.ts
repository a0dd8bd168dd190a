// The loss curve of a run by step: raw, smoothed and held-out loss. A step repeated after a resume
// replaces its earlier values.
import type { RestoredRun } from "../../session/protocol.ts";

export type StepEntry = RestoredRun["log"][number];

/** One entry per step in each array; null where nothing was measured. */
export interface Columns {
  steps: number[];
  loss: (number | null)[];
  smoothed: (number | null)[];
  heldOut: (number | null)[];
}

export const noColumns: Columns = { steps: [], loss: [], smoothed: [], heldOut: [] };

/** Steps that the smoothed curve averages: more in longer runs, to limit both lag and jitter. */
const windowOf = (totalSteps: number) => Math.min(Math.max(totalSteps / 15, 4), 50);

export class Curve {
  readonly #losses = new Map<number, number>();
  readonly #heldOut = new Map<number, number>();
  #lastStep = 0;

  addEntry({ step, loss, heldOutLoss }: StepEntry): void {
    if (step <= this.#lastStep) {
      dropAfter(step, this.#losses);
      dropAfter(step, this.#heldOut);
    }
    this.#lastStep = step;
    if (loss !== undefined) {
      this.#losses.set(step, loss);
    }
    if (heldOutLoss !== undefined) {
      this.#heldOut.set(step, heldOutLoss);
    }
  }

  addHeldOut(step: number, loss: number): void {
    this.#heldOut.set(step, loss);
  }

  columns(totalSteps: number): Columns {
    const steps = [...new Set([...this.#losses.keys(), ...this.#heldOut.keys()])].sort(
      (a, b) => a - b,
    );
    const loss = steps.map((step) => this.#losses.get(step) ?? null);
    const heldOut = steps.map((step) => this.#heldOut.get(step) ?? null);
    return { steps, loss, smoothed: smooth(loss, windowOf(totalSteps)), heldOut };
  }
}

/** Exponential moving average, debiased as Adam's moments: the start is not pulled to zero. */
function smooth(values: (number | null)[], window: number): (number | null)[] {
  const smoothing = 1 - 1 / window;
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) {
      return null;
    }
    mean = smoothing * mean + (1 - smoothing) * value;
    weight = smoothing * weight + (1 - smoothing);
    return mean / weight;
  });
}

function dropAfter(step: number, values: Map<number, number>): void {
  for (const later of [...values.keys()].filter((other) => other > step)) {
    values.delete(later);
  }
}
