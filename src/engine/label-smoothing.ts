// Cross-entropy with label smoothing (Szegedy et al. 2016, arXiv:1512.00567): part of the target's
// probability is spread over the vocabulary.
import * as tf from "@tensorflow/tfjs-core";
import type { Objective } from "./objective.ts";

/**
 * (1 - smoothing) * -log p(target) + smoothing * the mean of -log p over the vocabulary, as
 * `label_smoothing` of PyTorch's CrossEntropyLoss and `label_smoothing_factor` of transformers.
 * @param smoothing from 0, plain cross-entropy, to 1
 */
export function labelSmoothing(smoothing: number): Objective {
  return (logits, targets, weights) => {
    // Without a dtype: the kernel of the WASM backend writes integers for every dtype.
    const answers = tf.oneHot(targets, logits.shape[1]);
    return tf.losses.softmaxCrossEntropy(answers, logits, weights, smoothing, tf.Reduction.SUM);
  };
}
