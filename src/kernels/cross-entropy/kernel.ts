// Next-token cross-entropy of a chunk of supervised rows: losses, and the gradient in the logits' own place.
import { defineKernel } from "../../gpu/kernel.ts";
import { dispatch, flatGrid, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { withReduce } from "../reduce.ts";
import source from "./cross-entropy.wgsl?raw";
import gradient from "./gradient.wgsl?raw";
import lossOnly from "./loss-only.wgsl?raw";

const kernelOf = (name: string, use: "in" | "inout", ending: string, threads: number) =>
  defineKernel({
    name,
    source,
    ...withReduce(ending),
    constants: { WORKGROUP_SIZE: threads },
    bindings: {
      targets: { use: "constant", element: "u32" },
      logits: { use, element: "vec4f" },
      losses: { use: "out", element: "f32" },
    },
    params: { firstRow: "u32", rows: "u32", vocabulary: "u32", quads: "u32" },
    usesStep: true,
  });

/** Rows of a small vocabulary leave most of a large workgroup idle. */
const smallVocabulary = 8192;
const sizes = { small: 64, large: 256 };
const kernelsOf = (name: string, use: "in" | "inout", ending: string) => ({
  small: kernelOf(name, use, ending, sizes.small),
  large: kernelOf(name, use, ending, sizes.large),
});
const gradientKernels = kernelsOf("cross-entropy", "inout", gradient);
const lossKernels = kernelsOf("cross-entropy-loss", "in", lossOnly);

export interface ChunkShape {
  /** Supervised row that row 0 of `logits` belongs to. */
  firstRow: number;
  /** Rows of the chunk; those from `step.supervisedRows` on have no target. */
  rows: number;
  vocabulary: number;
}

/** `targets`: u32 [supervised rows]; `logits`: [rows, stride] with `logitStride`; `losses`: [supervised rows]. */
export interface ChunkTensors {
  targets: Tensor | View;
  logits: Tensor;
  losses: Tensor;
}

/** Columns of a row of logits in memory. */
export function logitStride(vocabulary: number): number {
  return Math.ceil(vocabulary / 4) * 4;
}

/**
 * Writes losses and turns logits into the gradient of gradScale * loss: 0 in pad columns and in rows without a target.
 * Left out of a pass that has no supervised row in this chunk.
 */
export function crossEntropy(shape: ChunkShape, tensors: ChunkTensors): Dispatch {
  return call(gradientKernels, shape, tensors, 3);
}

/** Writes losses only. Left out of a pass that has no supervised row in this chunk. */
export function crossEntropyLoss(shape: ChunkShape, tensors: ChunkTensors): Dispatch {
  return call(lossKernels, shape, tensors, 1);
}

function call(
  kernels: typeof lossKernels,
  { firstRow, rows, vocabulary }: ChunkShape,
  tensors: ChunkTensors,
  sweeps: number,
): Dispatch {
  const stride = logitStride(vocabulary);
  const kernel = vocabulary <= smallVocabulary ? kernels.small : kernels.large;
  return dispatch(kernel, {
    tensors: { ...tensors },
    params: { firstRow, rows, vocabulary, quads: stride / 4 },
    grid: flatGrid(rows),
    work: 6 * sweeps * rows * stride,
    skipUpToRows: firstRow,
  });
}
