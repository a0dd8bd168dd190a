// What a chunk of supervised rows is to learn, as loss functions take it: a class and a weight for
// every row.
import { onePerVariant } from "../../gpu/kernel.ts";
import { dispatch, type Dispatch, type Tensor } from "../../gpu/plan.ts";
import type { ChunkShape, ChunkTensors } from "../cross-entropy/kernel.ts";
import { targetWeightsOf } from "../cross-entropy/target-weights.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import { stepScalars } from "../step-scalars.ts";
import source from "./loss-inputs.wgsl?raw";

const kernelOf = onePerVariant((isWeighted: boolean) => {
  const { suffix, definitions, bindings } = targetWeightsOf(isWeighted);
  return elementwise({
    name: `loss-inputs${suffix}`,
    source,
    definitions,
    items: "params.rows",
    bindings: {
      targets: { use: "constant", element: "u32" },
      ...bindings,
      classes: { use: "out", element: "u32" },
      weights: { use: "out", element: "f32" },
      scale: { use: "out", element: "f32" },
    },
    params: { firstRow: "u32", rows: "u32" },
    perRun: stepScalars,
  });
});

/**
 * `targets`: u32 [supervised rows]; `targetWeights`: [supervised rows], left out where every row
 * counts 1; `classes`: u32 [rows] and `weights`: [rows], both 0 past the supervised rows; `scale`:
 * [1], what the loss's gradient is multiplied by. Left out of a pass that has no supervised row in
 * this chunk.
 */
export function lossInputs(
  { firstRow, rows }: Pick<ChunkShape, "firstRow" | "rows">,
  tensors: Pick<ChunkTensors, "targets" | "targetWeights"> & {
    classes: Tensor;
    weights: Tensor;
    scale: Tensor;
  },
): Dispatch {
  return dispatch(kernelOf(tensors.targetWeights !== undefined), {
    tensors: { ...tensors },
    params: { firstRow, rows },
    grid: gridOver(rows),
    work: rows,
    skipUpToCount: firstRow,
  });
}
