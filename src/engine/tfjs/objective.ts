// The loss of a batch: an objective of its logits, summed over supervised tokens, in f32.
import * as tf from "@tensorflow/tfjs-core";
import { IGNORED, type TokenBatch } from "../../data/batching/batch.ts";
import type { Objective } from "../objective.ts";
import { attention, forward, ropesFor, type Heads, type Linear } from "./decoder.ts";
import { batchMasks, maskOf } from "./masks.ts";
import type { FrozenWeights } from "./weights.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

/**
 * The objective over the batch's supervised tokens, a scalar.
 * @param targetWeights factor of each target, 0 for those ignored
 */
export function lossSumOf(
  objective: Objective,
  config: ModelConfig,
  weights: FrozenWeights,
  linear: Linear,
  batch: TokenBatch,
  targetWeights: Float32Array,
): tf.Scalar {
  const { rows, length } = batch;
  const masks = batchMasks(config, batch);
  const attend = (heads: Heads, layer: number) =>
    attention(heads, maskOf(config, masks, layer), config);
  const logits = forward(
    { config, weights, linear, attend },
    tf.tensor2d(batch.tokens, [rows, length], "int32"),
    ropesFor(config, batch.positions, rows),
  );
  const classes = batch.targets.map((target) => (target === IGNORED ? 0 : target));
  return objective(logits, tf.tensor1d(classes, "int32"), tf.tensor1d(targetWeights));
}

/** Every supervised token counts 1. */
export function equalWeights({ targets }: TokenBatch): Float32Array {
  return Float32Array.from(targets, (target) => (target === IGNORED ? 0 : 1));
}
