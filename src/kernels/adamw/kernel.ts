// AdamW (Loshchilov and Hutter 2019) over the whole adapter in one buffer: global norm, clip,
// update, gradient back to zero. A loss or norm that is not finite leaves values and moments as
// they were; metrics[2] says so.
import { defineKernel } from "../../gpu/kernel.ts";
import { dispatch, flatGrid, type Dispatch, type Tensor } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import { withReduce } from "../reduce.ts";
import { stepScalars, type StepScalars } from "../step-scalars.ts";
import norm from "./norm.wgsl?raw";
import squareSums from "./square-sums.wgsl?raw";
import update from "./update.wgsl?raw";

const workgroupSize = 256;
const quadsPerThread = 16;
const blockElements = workgroupSize * quadsPerThread * 4;

const squareSumsKernel = defineKernel({
  name: "gradient-square-sums",
  source: squareSums,
  ...withReduce(),
  constants: { WORKGROUP_SIZE: workgroupSize, QUADS_PER_THREAD: quadsPerThread },
  bindings: {
    gradients: { use: "in", element: "vec4f" },
    partials: { use: "out", element: "f32" },
  },
  params: { quads: "u32", blocks: "u32" },
});

const normKernel = defineKernel({
  name: "gradient-norm",
  source: norm,
  ...withReduce(),
  constants: { WORKGROUP_SIZE: workgroupSize },
  bindings: {
    partials: { use: "in", element: "f32" },
    metrics: { use: "inout", element: "f32" },
  },
  params: { blocks: "u32" },
});

const updateKernel = elementwise({
  name: "adamw",
  source: update,
  items: "params.quads",
  bindings: {
    gradients: { use: "inout", element: "vec4f" },
    values: { use: "inout", element: "vec4f" },
    moment1: { use: "inout", element: "vec4f" },
    moment2: { use: "inout", element: "vec4f" },
    metrics: { use: "in", element: "f32" },
  },
  params: { quads: "u32" },
  perRun: stepScalars,
});

/**
 * All [elements] but `partials`: [partialsOf(elements)], scratch, and `metrics`: [4], of which 0
 * holds the loss sum.
 */
export interface AdamWTensors {
  gradients: Tensor;
  values: Tensor;
  moment1: Tensor;
  moment2: Tensor;
  partials: Tensor;
  metrics: Tensor;
}

/** How many sums of squares the norm of so many elements takes. */
export function partialsOf(elements: number): number {
  return Math.ceil(elements / blockElements);
}

/**
 * Sets metrics 1 (norm before clipping) and 2 (1 if updated), makes the update and zeroes the
 * gradients.
 */
export function adamW(elements: number, tensors: AdamWTensors): Dispatch[] {
  invariant(elements % 4 === 0, `an adapter of ${elements} elements is not whole quads`);
  const { gradients, values, moment1, moment2, partials, metrics } = tensors;
  const quads = elements / 4;
  const blocks = partialsOf(elements);
  return [
    dispatch(squareSumsKernel, {
      tensors: { gradients, partials },
      params: { quads, blocks },
      grid: flatGrid(blocks),
      work: elements,
    }),
    dispatch(normKernel, {
      tensors: { partials, metrics },
      params: { blocks },
      grid: [1, 1, 1],
      work: blocks,
    }),
    dispatch(updateKernel, {
      tensors: { gradients, values, moment1, moment2, metrics },
      params: { quads },
      grid: gridOver(quads),
      work: 12 * elements,
    }),
  ];
}

export interface AdamWSettings {
  /** From 1. */
  step: number;
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** Global norm to clip to; 0 leaves the gradient alone. */
  maxGradNorm: number;
}

/**
 * What the kernels read of `step`. Differences from 1 are taken here, in double: in f32 1 - 0.999
 * is 5e-5 off.
 */
export function adamWScalars(settings: AdamWSettings) {
  const { step, learningRate, beta1, beta2, epsilon, weightDecay, maxGradNorm } = settings;
  return {
    stepSize: learningRate / (1 - beta1 ** step),
    rootCorrection: 1 / Math.sqrt(1 - beta2 ** step),
    decay: 1 - learningRate * weightDecay,
    oneMinusBeta1: 1 - beta1,
    beta2,
    oneMinusBeta2: 1 - beta2,
    epsilon,
    maxGradNorm,
  } satisfies Partial<StepScalars>;
}
