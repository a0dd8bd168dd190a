// The soft cap of Gemma 2 as a kernel, for logits that are sampled from; attention and
// cross-entropy have it within their kernels.
import { dispatch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import source from "./soft-cap.wgsl?raw";
import tanh from "./tanh.wgsl?raw";

const kernel = elementwise({
  name: "soft-cap",
  source,
  items: "params.quads",
  definitions: tanh,
  bindings: { x: { use: "inout", element: "vec4f" } },
  params: { quads: "u32", cap: "f32" },
});

/** WGSL that defines `soft_cap(x, cap)` and `soft_cap_slope(capped, cap)` for other kernels. */
export const softCapFunctions = tanh;

/** x = cap * tanh(x / cap), in place. @param elements of x, a multiple of 4 */
export function softCap(elements: number, cap: number, tensors: { x: Tensor | View }): Dispatch {
  invariant(elements % 4 === 0, `${elements} elements are not whole quads`);
  const quads = elements / 4;
  return dispatch(kernel, {
    tensors,
    params: { quads, cap },
    grid: gridOver(quads),
    work: 10 * elements,
  });
}
