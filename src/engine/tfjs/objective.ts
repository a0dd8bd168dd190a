// The loss of a batch: an objective of its logits, summed over supervised tokens, in f32.
import * as tf from "@tensorflow/tfjs-core";
import { IGNORED, type TokenBatch } from "../../data/batch.ts";
import type { ModelConfig } from "../../model/config.ts";
import type { Objective } from "../objective.ts";
import { attention, forward, ropeFor, type Linear } from "./decoder.ts";
import type { FrozenWeights } from "./weights.ts";

/** Added to a score that must not count; its softmax weight is exactly 0 in f32. */
const masked = -1e9;

/** The objective over the batch's supervised tokens, a scalar. */
export function lossSumOf(
  objective: Objective,
  config: ModelConfig,
  weights: FrozenWeights,
  linear: Linear,
  batch: TokenBatch,
): tf.Scalar {
  const { rows, length } = batch;
  const mask = attentionMask(batch);
  const logits = forward(
    { config, weights, linear, attend: (heads) => attention(heads, mask) },
    tf.tensor2d(batch.tokens, [rows, length], "int32"),
    ropeFor(config, batch.positions, rows),
  );
  const isTrained = Float32Array.from(batch.targets, (target) => (target === IGNORED ? 0 : 1));
  const classes = batch.targets.map((target) => (target === IGNORED ? 0 : target));
  return objective(logits, tf.tensor1d(classes, "int32"), tf.tensor1d(isTrained));
}

/** [B, 1, T, T]: a token sees itself and earlier tokens of its own segment. */
function attentionMask({ rows, length, segments }: TokenBatch): tf.Tensor4D {
  const values = new Float32Array(rows * length * length);
  for (let row = 0; row < rows; row++) {
    for (let to = 0; to < length; to++) {
      const segment = segments[row * length + to];
      for (let from = 0; from < length; from++) {
        const isSeen = from <= to && segments[row * length + from] === segment;
        values[(row * length + to) * length + from] = isSeen ? 0 : masked;
      }
    }
  }
  return tf.tensor4d(values, [rows, 1, length, length]);
}
