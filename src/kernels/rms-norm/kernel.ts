// RMSNorm (Zhang and Sennrich 2019) as Llama uses it: y = weight * x / rms(x). Backward gives dx only; the weight is frozen.
import { defineKernel } from "../../gpu/kernel.ts";
import { dispatch, flatGrid, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import backward from "./backward.wgsl?raw";
import forward from "./forward.wgsl?raw";
import team from "./team.wgsl?raw";

const constants = { TEAMS: 4, LANES: 16 };

const forwardKernel = defineKernel({
  name: "rms-norm",
  source: forward,
  definitions: team,
  constants,
  bindings: {
    x: { use: "in", element: "vec4f" },
    weight: { use: "constant", element: "vec4f" },
    y: { use: "out", element: "vec4f" },
    rstd: { use: "out", element: "f32" },
  },
  params: { rows: "u32", quads: "u32", epsilon: "f32" },
});

const backwardKernel = defineKernel({
  name: "rms-norm-backward",
  source: backward,
  definitions: team,
  constants,
  bindings: {
    x: { use: "in", element: "vec4f" },
    weight: { use: "constant", element: "vec4f" },
    rstd: { use: "in", element: "f32" },
    dy: { use: "in", element: "vec4f" },
    dx: { use: "inout", element: "vec4f" },
  },
  params: { rows: "u32", quads: "u32" },
});

export interface NormShape {
  rows: number;
  /** A multiple of 4. */
  width: number;
}

/** x, y: [rows, width]; weight: [width]; rstd: [rows], which backward needs. */
export function rmsNorm(
  { rows, width, epsilon }: NormShape & { epsilon: number },
  tensors: { x: Tensor; weight: Tensor | View; y: Tensor; rstd: Tensor },
): Dispatch {
  return dispatch(forwardKernel, {
    tensors,
    params: { rows, quads: width / 4, epsilon },
    grid: flatGrid(Math.ceil(rows / constants.TEAMS)),
    work: 4 * rows * width,
  });
}

/** Adds to dx: [rows, width]. */
export function rmsNormBackward(
  { rows, width }: NormShape,
  tensors: { x: Tensor; weight: Tensor | View; rstd: Tensor; dy: Tensor; dx: Tensor },
): Dispatch {
  return dispatch(backwardKernel, {
    tensors,
    params: { rows, quads: width / 4 },
    grid: flatGrid(Math.ceil(rows / constants.TEAMS)),
    work: 8 * rows * width,
  });
}
