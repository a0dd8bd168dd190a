// RoPE (Su et al. 2021) of queries and keys in place, on the two halves of a head as Llama pairs
// them, from a table of cos and sin.
import { onePerVariant } from "../../gpu/kernel.ts";
import { dispatch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import source from "./rope.wgsl?raw";

const ropeKernel = onePerVariant((headDim: number) => {
  invariant(headDim % 4 === 0, `RoPE on heads of ${headDim}`);
  return elementwise({
    name: `rope-${headDim}`,
    source,
    items: "params.rows * (params.heads + params.kvHeads) * HALF",
    constants: { HALF: headDim / 4 },
    bindings: {
      query: { use: "inout", element: "vec2f" },
      key: { use: "inout", element: "vec2f" },
      positions: { use: "constant", element: "u32" },
      cosSin: { use: "constant", element: "vec4f" },
    },
    params: { rows: "u32", heads: "u32", kvHeads: "u32", scale: "f32", direction: "f32" },
  });
});

export interface RopeShape {
  rows: number;
  /** Of queries and of keys. */
  heads: number;
  kvHeads: number;
  /** A multiple of 4. */
  headDim: number;
  /** What some scalings multiply cos and sin by; else 1. */
  scale: number;
}

export interface RopeTensors {
  /** [rows, heads * headDim] and [rows, kvHeads * headDim], rotated in place. */
  query: Tensor | View;
  key: Tensor | View;
  /** u32 [rows], each within the table. */
  positions: Tensor | View;
  /** [positions, headDim / 2, 2], made by `ropeTable`. */
  cosSin: Tensor | View;
}

/** One dispatch: the heads of all queries, then those of all keys. */
export function rope(shape: RopeShape, tensors: RopeTensors): Dispatch {
  return rotate(shape, tensors, 1);
}

/** From dy to dx: rotates back. With scale 1 it undoes `rope`. */
export function ropeBackward(shape: RopeShape, tensors: RopeTensors): Dispatch {
  return rotate(shape, tensors, -1);
}

function rotate(
  { rows, heads, kvHeads, headDim, scale }: RopeShape,
  tensors: RopeTensors,
  direction: 1 | -1,
): Dispatch {
  const all = rows * (heads + kvHeads);
  return dispatch(ropeKernel(headDim), {
    tensors: { ...tensors },
    params: { rows, heads, kvHeads, scale, direction },
    grid: gridOver(all * (headDim / 4)),
    work: 2 * all * headDim,
  });
}
