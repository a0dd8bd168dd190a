// What a training pass and an objective in tfjs ops hand to each other. Each tensor has a buffer to
// itself, because a tensor of tfjs begins where its buffer does.
import { persistent, type Tensor } from "../../gpu/plan.ts";
import { logitStride } from "../../kernels/cross-entropy/kernel.ts";
import { lossInputs } from "../../kernels/loss-inputs/kernel.ts";
import type { Recorder } from "./recorder.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

/** A point of the pass at which the logits of a chunk are there and their gradient is wanted. */
export interface Pause {
  /** Dispatches of the pass before it. */
  after: number;
  /** The chunk's first supervised row, and its rows. */
  first: number;
  count: number;
}

export interface Exchange {
  /** [rows of a chunk, stride]: logits; after a pause the gradient. */
  logits: Tensor;
  /** int32 and f32 [rows of a chunk], and [1]: see `lossInputs`. */
  classes: Tensor;
  weights: Tensor;
  scale: Tensor;
  /** [tokens]: the loss of a chunk in the place of its first row, 0 in all others. */
  losses: Tensor;
  /** In the order of the pass. */
  pauses: Pause[];
}

/** @param chunkRows supervised rows of a chunk, at most */
export function describeExchange(
  { vocabSize }: ModelConfig,
  tokens: number,
  chunkRows: number,
): Exchange {
  return {
    logits: persistent("logits", chunkRows * logitStride(vocabSize)),
    classes: persistent("classes", chunkRows),
    weights: persistent("weights of rows", chunkRows),
    scale: persistent("scale of the gradient", 1),
    losses: persistent("losses", Math.ceil(tokens / 4) * 4),
    pauses: [],
  };
}

/**
 * Bytes that tfjs takes besides, and keeps: cross-entropy with its gradient is ten tensors as large
 * as a chunk's logits, two more where pad columns are cut off first, six more under a cap, and
 * buffers of one size do not serve another.
 */
export function tfjsBytes({ pauses }: Exchange, { vocabSize, logitSoftcap }: ModelConfig): number {
  const stride = logitStride(vocabSize);
  const tensors = 10 + (stride === vocabSize ? 0 : 2) + (logitSoftcap === null ? 0 : 6);
  const sizes = new Set(pauses.map(({ count }) => count));
  return [...sizes].reduce((sum, count) => sum + tensors * count * stride * 4, 0);
}

/** Records the objective's inputs and ends the part of the pass before its pause. */
export function pauseForChunk(
  recorder: Recorder,
  { classes, weights, scale, pauses }: Exchange,
  { first, count }: Pick<Pause, "first" | "count">,
): void {
  const { tables } = recorder;
  const targets = tables.view("targets");
  const tensors = { targets, ...tables.targetWeights, classes, weights, scale };
  recorder.push(lossInputs({ firstRow: first, rows: count }, tensors));
  pauses.push({ after: recorder.length, first, count });
}
