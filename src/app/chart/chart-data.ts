// Data of the loss chart: the curve of a run, or the expected curve of the demo before the first.
import type { Columns } from "../state/curve.ts";
import { demoCurve } from "./demo-curve.ts";
import type { Marks } from "./marks.ts";

/** One entry per step in each array; null where a curve has no value. */
export interface ChartData {
  steps: number[];
  loss: (number | null)[];
  smoothed: (number | null)[];
  heldOut: (number | null)[];
  /** The expected curve, before the first run. */
  expected: (number | null)[];
  totalSteps: number;
  marks: Marks;
}

export function runChart(columns: Columns, totalSteps: number, marks: Marks): ChartData {
  return { ...columns, expected: columns.steps.map(() => null), totalSteps, marks };
}

export function demoChart(): ChartData {
  const steps = demoCurve.map(([step]) => step);
  const none = demoCurve.map(() => null);
  return {
    steps,
    loss: none,
    smoothed: none,
    heldOut: none,
    expected: demoCurve.map(([, loss]) => loss),
    totalSteps: steps.at(-1) ?? 1,
    marks: { checkpoints: [], rebuilds: [] },
  };
}
