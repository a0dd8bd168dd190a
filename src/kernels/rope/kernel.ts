// RoPE (Su et al. 2021) in place, on the two halves of a head as Llama pairs them, from a table of
// cos and sin.
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
    items: "params.rows * params.heads * HALF",
    constants: { HALF: headDim / 4 },
    bindings: {
      x: { use: "inout", element: "vec2f" },
      positions: { use: "constant", element: "u32" },
      cosSin: { use: "constant", element: "vec4f" },
    },
    params: { rows: "u32", heads: "u32", scale: "f32", direction: "f32" },
  });
});

export interface RopeShape {
  rows: number;
  heads: number;
  /** A multiple of 4. */
  headDim: number;
  /** What some scalings multiply cos and sin by; else 1. */
  scale: number;
}

export interface RopeTensors {
  /** [rows, heads * headDim], rotated in place. */
  x: Tensor | View;
  /** u32 [rows], each within the table. */
  positions: Tensor | View;
  /** [positions, headDim / 2, 2], made by `ropeTable`. */
  cosSin: Tensor | View;
}

export function rope(shape: RopeShape, tensors: RopeTensors): Dispatch {
  return rotate(shape, tensors, 1);
}

/** From dy to dx: rotates back. With scale 1 it undoes `rope`. */
export function ropeBackward(shape: RopeShape, tensors: RopeTensors): Dispatch {
  return rotate(shape, tensors, -1);
}

function rotate(
  { rows, heads, headDim, scale }: RopeShape,
  tensors: RopeTensors,
  direction: 1 | -1,
): Dispatch {
  return dispatch(ropeKernel(headDim), {
    tensors: { ...tensors },
    params: { rows, heads, scale, direction },
    grid: gridOver(rows * heads * (headDim / 4)),
    work: 2 * rows * heads * headDim,
  });
}
