// Adds up the losses of a pass, and of the passes of a step.
import { defineKernel } from "../../gpu/kernel.ts";
import { dispatch, type Dispatch, type Tensor } from "../../gpu/plan.ts";
import { withReduce } from "../reduce.ts";
import { stepScalars } from "../step-scalars.ts";
import source from "./loss-sum.wgsl?raw";

const kernel = defineKernel({
  name: "loss-sum",
  source,
  ...withReduce(),
  constants: { WORKGROUP_SIZE: 256 },
  bindings: {
    losses: { use: "in", element: "f32" },
    metrics: { use: "inout", element: "f32" },
  },
  perRun: stepScalars,
});

/**
 * `losses`: at least [step.supervisedRows], `rows` at most; `metrics`: [4], of which 0 is the
 * step's loss sum so far.
 */
export function lossSum(rows: number, tensors: { losses: Tensor; metrics: Tensor }): Dispatch {
  return dispatch(kernel, { tensors, grid: [1, 1, 1], work: 4 * rows });
}
