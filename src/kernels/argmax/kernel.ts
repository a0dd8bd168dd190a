// Finds the most likely token, for greedy generation: the host reads 4 bytes instead of all logits.
import { defineKernel } from "../../gpu/kernel.ts";
import { dispatch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import source from "./argmax.wgsl?raw";

const kernel = defineKernel({
  name: "argmax",
  source,
  constants: { WORKGROUP_SIZE: 256 },
  bindings: {
    logits: { use: "in", element: "vec4f" },
    token: { use: "out", element: "u32" },
  },
  params: { count: "u32" },
});

/**
 * Writes the index of the largest of the first `count` logits, the lowest index on ties. `token`:
 * u32 [1].
 */
export function argmax(count: number, tensors: { logits: Tensor | View; token: Tensor }): Dispatch {
  return dispatch(kernel, { tensors, params: { count }, grid: [1, 1, 1], work: 2 * count });
}
