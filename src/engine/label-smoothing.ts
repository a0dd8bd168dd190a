// Cross-entropy against softened answers: the right token gets a little less than all, every other
// one a little more than nothing.
import * as tf from "@tensorflow/tfjs-core";
import type { Objective } from "./objective.ts";

/**
 * (1 - smoothing) * -log p(target) + smoothing * the mean of -log p over the vocabulary, as
 * `label_smoothing` of PyTorch's CrossEntropyLoss and `label_smoothing_factor` of transformers.
 * @param smoothing from 0, plain cross-entropy, to 1
 */
export function labelSmoothing(smoothing: number): Objective {
  return (logits, targets, weights) => {
    // Integers: as floats they would be asked for in vain on WASM, whose kernel writes integers
    // whatever it is told.
    const answers = tf.oneHot(targets, logits.shape[1]);
    return tf.losses.softmaxCrossEntropy(answers, logits, weights, smoothing, tf.Reduction.SUM);
  };
}
