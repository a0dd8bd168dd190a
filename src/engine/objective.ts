// What training minimises, written in tfjs ops. Either engine takes one and differentiates it by
// tfjs; the compiled engine has a kernel for plain cross-entropy and needs none.
import type * as tf from "@tensorflow/tfjs-core";

/**
 * The loss of tokens, summed: a scalar.
 * @param logits [tokens, vocabulary], one row for each token to predict
 * @param targets int32 [tokens]: the right answers
 * @param weights [tokens]: 1, or 0 for a row that only fills up the shape and must not count
 */
export type Objective = (
  logits: tf.Tensor2D,
  targets: tf.Tensor1D,
  weights: tf.Tensor1D,
) => tf.Scalar;
