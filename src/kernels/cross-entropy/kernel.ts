// Next-token cross-entropy of a chunk of supervised rows: the losses, and the gradient in place of
// the logits. One sweep for maximum and sum (online softmax), one more for the gradient.
import { defineKernel, onePerVariant } from "../../gpu/kernel.ts";
import { dispatch, flatGrid, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { withReduce } from "../reduce.ts";
import { softCapFunctions } from "../soft-cap/kernel.ts";
import { stepScalars } from "../step-scalars.ts";
import { targetWeightsOf } from "./target-weights.ts";
import source from "./cross-entropy.wgsl?raw";
import cappedLogits from "./capped-logits.wgsl?raw";
import gradient from "./gradient.wgsl?raw";
import lossOnly from "./loss-only.wgsl?raw";
import plainLogits from "./plain-logits.wgsl?raw";

const endings = {
  gradient: { name: "cross-entropy", use: "inout", source: gradient },
  lossOnly: { name: "cross-entropy-loss", use: "in", source: lossOnly },
} as const;
type Ending = keyof typeof endings;

const kernelOf = onePerVariant(
  (ending: Ending, isCapped: boolean, isWeighted: boolean, threads: number) => {
    const { name, use, source: finish } = endings[ending];
    const cap = isCapped ? `${softCapFunctions}\n${cappedLogits}` : plainLogits;
    const { suffix, definitions, bindings } = targetWeightsOf(isWeighted);
    return defineKernel({
      name: `${name}${isCapped ? "-capped" : ""}${suffix}`,
      source,
      ...withReduce([definitions, cap, finish].join("\n")),
      constants: { WORKGROUP_SIZE: threads },
      bindings: {
        targets: { use: "constant", element: "u32" },
        ...bindings,
        logits: { use, element: "vec4f" },
        losses: { use: "out", element: "f32" },
      },
      params: {
        firstRow: "u32",
        rows: "u32",
        vocabulary: "u32",
        quads: "u32",
        ...(isCapped && { softcap: "f32" }),
      },
      perRun: stepScalars,
    });
  },
);

/** Rows of a small vocabulary leave most of a large workgroup idle. */
const smallVocabulary = 8192;
const threadsFor = (vocabulary: number) => (vocabulary <= smallVocabulary ? 64 : 256);

export interface ChunkShape {
  /** Supervised row that row 0 of `logits` belongs to. */
  firstRow: number;
  /** Rows of the chunk; those from `step.supervisedRows` on have no target. */
  rows: number;
  vocabulary: number;
  /** Logits count as softcap * tanh(logit / softcap); null for none. */
  softcap: number | null;
}

/**
 * `targets`: u32 [supervised rows]; `targetWeights`: [supervised rows], left out where every row
 * counts 1; `logits`: [rows, stride] with `logitStride`; `losses`: [supervised rows].
 */
export interface ChunkTensors {
  targets: Tensor | View;
  targetWeights?: Tensor | View;
  logits: Tensor;
  losses: Tensor;
}

/** Columns of a row of logits in memory. */
export function logitStride(vocabulary: number): number {
  return Math.ceil(vocabulary / 4) * 4;
}

/**
 * Writes losses times their weights and turns logits into the gradient of gradScale * that, through
 * the cap: 0 in pad columns and in rows without a target. Left out of a pass that has no supervised
 * row in this chunk.
 */
export function crossEntropy(shape: ChunkShape, tensors: ChunkTensors): Dispatch {
  return call("gradient", shape, tensors, 3);
}

/** Writes losses only. Left out of a pass that has no supervised row in this chunk. */
export function crossEntropyLoss(
  shape: ChunkShape,
  tensors: Omit<ChunkTensors, "targetWeights">,
): Dispatch {
  return call("lossOnly", shape, tensors, 1);
}

function call(
  ending: Ending,
  { firstRow, rows, vocabulary, softcap }: ChunkShape,
  tensors: ChunkTensors,
  sweeps: number,
): Dispatch {
  const stride = logitStride(vocabulary);
  const isWeighted = tensors.targetWeights !== undefined;
  return dispatch(kernelOf(ending, softcap !== null, isWeighted, threadsFor(vocabulary)), {
    tensors: { ...tensors },
    params: {
      firstRow,
      rows,
      vocabulary,
      quads: stride / 4,
      ...(softcap !== null && { softcap }),
    },
    grid: flatGrid(rows),
    work: 6 * sweeps * rows * stride,
    skipUpToCount: firstRow,
  });
}
