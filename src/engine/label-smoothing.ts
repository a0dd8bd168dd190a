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
    const other = smoothing / vocabulary;
    const answers = tf.oneHot(targets, vocabulary, 1 - smoothing + other, other, "float32");
    return tf.losses.softmaxCrossEntropy(answers, logits, weights, 0, tf.Reduction.SUM);
  };
}
