// Cross-entropy against softened answers: the right token gets a little less than all, every other one a little more than nothing.
import * as tf from "@tensorflow/tfjs-core";
import type { Objective } from "./objective.ts";

/**
 * (1 - smoothing) * -log p(target) + smoothing * the mean of -log p over the vocabulary, as `label_smoothing` of PyTorch's
 * CrossEntropyLoss and `label_smoothing_factor` of transformers.
 * @param smoothing from 0, plain cross-entropy, to 1
 */
export function labelSmoothing(smoothing: number): Objective {
  return (logits, targets, weights) => {
    const vocabulary = logits.shape[1];
    // Cast, and not asked for as floats: the WASM backend writes integers whatever type it is told.
    const right = tf.cast(tf.oneHot(targets, vocabulary), "float32");
    const answers =
      smoothing === 0 ? right : tf.add(tf.mul(right, 1 - smoothing), smoothing / vocabulary);
    return tf.losses.softmaxCrossEntropy(answers, logits, weights, 0, tf.Reduction.SUM);
  };
}
