// An objective: what training minimises, in tfjs ops. tfjs differentiates it for either engine; for
// plain cross-entropy the compiled engine has a kernel and no tfjs.
import type * as tf from "@tensorflow/tfjs-core";

/**
 * The loss of tokens, each times its weight, summed: a scalar.
 * @param logits [tokens, vocabulary], one row for each token to predict
 * @param targets int32 [tokens]: the token to predict
 * @param weights [tokens]: 1 or the token's weight in the batch, or 0 for a row of padding
 */
export type Objective = (
  logits: tf.Tensor2D,
  targets: tf.Tensor1D,
  weights: tf.Tensor1D,
) => tf.Scalar;
