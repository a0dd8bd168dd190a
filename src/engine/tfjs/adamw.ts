// Clipping and AdamW over one flat vector, in PyTorch's order of operations (torch/optim/adamw.py,
// decoupled decay).
import * as tf from "@tensorflow/tfjs-core";
import type { StepHyper } from "../contract.ts";

/** A type, not an interface: tf.tidy takes records only. */
export type Moments = {
  values: tf.Tensor1D;
  moment1: tf.Tensor1D;
  moment2: tf.Tensor1D;
};

/** sqrt of the sum of squares, a scalar. */
export function globalNorm(gradient: tf.Tensor1D): tf.Scalar {
  return tf.sqrt(tf.sum(tf.square(gradient)));
}

/** g * min(1, max / (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_. */
export function clipByNorm(gradient: tf.Tensor1D, norm: number, maxNorm: number): tf.Tensor1D {
  const coefficient = maxNorm / (norm + 1e-6);
  return maxNorm > 0 && coefficient < 1 ? tf.mul(gradient, coefficient) : gradient;
}

/** One update; the caller disposes the old vectors. */
export function adamW(old: Moments, gradient: tf.Tensor1D, hyper: StepHyper): Moments {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = hyper;
  const correction1 = 1 - beta1 ** step;
  const correction2 = 1 - beta2 ** step;
  return tf.tidy(() => {
    const decayed = tf.mul(old.values, 1 - learningRate * weightDecay);
    const moment1: tf.Tensor1D = tf.add(
      old.moment1,
      tf.mul(tf.sub(gradient, old.moment1), 1 - beta1),
    );
    const moment2: tf.Tensor1D = tf.add(
      tf.mul(old.moment2, beta2),
      tf.mul(tf.square(gradient), 1 - beta2),
    );
    const root = tf.add(tf.mul(tf.sqrt(moment2), 1 / Math.sqrt(correction2)), epsilon);
    const values: tf.Tensor1D = tf.sub(
      decayed,
      tf.mul(tf.div(moment1, root), learningRate / correction1),
    );
    return { values, moment1, moment2 };
  });
}
