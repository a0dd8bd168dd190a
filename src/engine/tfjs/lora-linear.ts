// Linear layers with LoRA: y = x W^T + scaling * B(A(dropout(x))). Dropout is drawn by counter, so
// a step can be replayed.
import * as tf from "@tensorflow/tfjs-core";
import type { LoraTarget } from "../../adapter/targets.ts";
import { pairOf } from "../adapter-order.ts";
import { streams, substream, uniforms } from "../../util/random.ts";
import type { Linear } from "./decoder.ts";
import { timesFrozen, timesTransposed } from "./products.ts";
import type { FrozenWeights } from "./weights.ts";

/** The frozen layer alone. */
export function frozenLinear(weights: FrozenWeights): Linear {
  return (x, module) => timesFrozen(x, weights.get(`${module}.weight`));
}

/** Which numbers dropout draws. */
export interface DropoutDraw {
  rate: number;
  seed: number;
  step: number;
  microStep: number;
}

/**
 * @param tensors A [rank, in] and B [out, rank] of each target, in the adapter's order
 * @param dropout null leaves it off
 */
export function loraLinear(
  weights: FrozenWeights,
  targets: readonly LoraTarget[],
  tensors: readonly tf.Tensor[],
  scaling: number,
  dropout: DropoutDraw | null,
): Linear {
  const frozen = frozenLinear(weights);
  const indexOf = new Map(targets.map(({ module }, index) => [module, index]));
  return (x, module) => {
    const index = indexOf.get(module);
    const base = frozen(x, module);
    if (index === undefined) {
      return base;
    }
    const { a: loraA, b: loraB } = pairOf(tensors as readonly tf.Tensor2D[], index);
    const input: tf.Tensor2D =
      dropout === null ? x : tf.mul(x, dropoutMask(x.shape, dropout, index));
    const inner = timesTransposed(input, loraA);
    return tf.add(base, tf.mul(timesTransposed(inner, loraB), scaling));
  };
}

/** 0 with probability `rate`, else 1 / (1 - rate), as PyTorch's dropout scales. */
function dropoutMask(
  shape: readonly [number, number],
  { rate, seed, step, microStep }: DropoutDraw,
  target: number,
): tf.Tensor2D {
  const stream = substream(streams.dropout, step, microStep, target);
  const kept = 1 / (1 - rate);
  const draws = uniforms(seed, stream, shape[0] * shape[1]);
  return tf.tensor2d(
    draws.map((draw) => (draw < rate ? 0 : kept)),
    [...shape],
  );
}
