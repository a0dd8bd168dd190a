// RMSNorm (Zhang and Sennrich 2019): y = weight * x / rms(x) as Llama has it, or (1 + weight) as
// Gemma. Backward gives dx only; the weight is frozen.
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
  params: { rows: "u32", quads: "u32", offset: "f32", epsilon: "f32" },
});

const backwardKernelOf = (name: string, use: "out" | "inout", put: string) =>
  defineKernel({
    name,
    source: backward,
    definitions: `${team}\nfn put(quad : u32, value : vec4f) { ${put} }`,
    constants,
    bindings: {
      x: { use: "in", element: "vec4f" },
      weight: { use: "constant", element: "vec4f" },
      rstd: { use: "in", element: "f32" },
      dy: { use: "in", element: "vec4f" },
      dx: { use, element: "vec4f" },
    },
    params: { rows: "u32", quads: "u32", offset: "f32" },
  });

const writing = backwardKernelOf("rms-norm-backward", "out", "dx[quad] = value;");
const adding = backwardKernelOf("rms-norm-backward-add", "inout", "dx[quad] += value;");

export interface NormShape {
  rows: number;
  /** A multiple of 4. */
  width: number;
  /** What is added to the weight: 1 for Gemma, else 0. */
  offset: number;
}

/** x, y: [rows, width]; weight: [width]; rstd: [rows], which backward needs. */
export function rmsNorm(
  { rows, width, offset, epsilon }: NormShape & { epsilon: number },
  tensors: { x: Tensor; weight: Tensor | View; y: Tensor; rstd: Tensor },
): Dispatch {
  return dispatch(forwardKernel, {
    tensors,
    params: { rows, quads: width / 4, offset, epsilon },
    grid: flatGrid(Math.ceil(rows / constants.TEAMS)),
    work: 4 * rows * width,
  });
}

export interface NormBackwardTensors {
  /** The norm's input, and what `rmsNorm` wrote beside its output. */
  x: Tensor;
  weight: Tensor | View;
  rstd: Tensor;
  /** [rows, width] */
  dy: Tensor;
  /** [rows, width] */
  dx: Tensor;
}

/** Writes dx. */
export function rmsNormBackward(shape: NormShape, tensors: NormBackwardTensors): Dispatch {
  return callBackward(writing, shape, tensors);
}

/** Adds to dx, which holds what flows past the norm. */
export function rmsNormBackwardAdd(shape: NormShape, tensors: NormBackwardTensors): Dispatch {
  return callBackward(adding, shape, tensors);
}

function callBackward(
  kernel: typeof writing,
  { rows, width, offset }: NormShape,
  tensors: NormBackwardTensors,
): Dispatch {
  return dispatch(kernel, {
    tensors: { ...tensors },
    params: { rows, quads: width / 4, offset },
    grid: flatGrid(Math.ceil(rows / constants.TEAMS)),
    work: 8 * rows * width,
  });
}
