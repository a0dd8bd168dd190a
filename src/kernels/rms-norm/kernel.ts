// RMSNorm (Zhang and Sennrich 2019) as Llama uses it: y = weight * x / rms(x). Backward gives dx only; the weight is frozen.
import { defineKernel } from "../../gpu/kernel.ts";
import { dispatch, flatGrid, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { withReduce } from "../reduce.ts";
import backward from "./backward.wgsl?raw";
import forward from "./forward.wgsl?raw";

const constants = { WORKGROUP_SIZE: 64 };

const forwardKernel = defineKernel({
  name: "rms-norm",
  source: forward,
  ...withReduce(),
  constants,
  bindings: {
    x: { use: "in", element: "f32" },
    weight: { use: "constant", element: "f32" },
    y: { use: "out", element: "f32" },
    rstd: { use: "out", element: "f32" },
  },
  params: { rows: "u32", width: "u32", epsilon: "f32" },
});

const backwardKernel = defineKernel({
  name: "rms-norm-backward",
  source: backward,
  ...withReduce(),
  constants,
  bindings: {
    x: { use: "in", element: "f32" },
    weight: { use: "constant", element: "f32" },
    rstd: { use: "in", element: "f32" },
    dy: { use: "in", element: "f32" },
    dx: { use: "inout", element: "f32" },
  },
  params: { rows: "u32", width: "u32" },
});

export interface NormShape {
  rows: number;
  width: number;
}

/** x, y: [rows, width]; weight: [width]; rstd: [rows], which backward needs. */
export function rmsNorm(
  { rows, width, epsilon }: NormShape & { epsilon: number },
  tensors: { x: Tensor; weight: Tensor | View; y: Tensor; rstd: Tensor },
): Dispatch {
  return dispatch(forwardKernel, {
    tensors,
    params: { rows, width, epsilon },
    grid: flatGrid(rows),
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
    params: { rows, width },
    grid: flatGrid(rows),
    work: 8 * rows * width,
  });
}
