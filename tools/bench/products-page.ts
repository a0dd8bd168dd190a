// Runs in the page: times a linear layer forward and backward, with engine/tfjs/products.ts and
// with tfjs's matMul and transposeB, alternating.
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { timesFrozen } from "../../src/engine/tfjs/products.ts";
import { openMachine } from "../../src/engine/tfjs/backend.ts";
import { median } from "./timing.ts";

export interface ProductShape {
  tokens: number;
  inFeatures: number;
  outFeatures: number;
}

export interface ProductTimes extends ProductShape {
  /** Medians of one forward and backward pass. */
  transposedFirstMs: number;
  builtInMs: number;
}

type Layer = (x: tf.Tensor2D, weight: tf.Tensor2D) => tf.Tensor2D;

const repeats = 7;

export async function measureProducts(shapes: ProductShape[]): Promise<ProductTimes[]> {
  const machine = await openMachine("webgpu");
  const results: ProductTimes[] = [];
  for (const shape of shapes) {
    const { tokens, inFeatures, outFeatures } = shape;
    const x = tf.randomNormal<tf.Rank.R2>([tokens, inFeatures], 0, 1, "float32", 1);
    const weight = tf.randomNormal<tf.Rank.R2>([outFeatures, inFeatures], 0, 1, "float32", 2);
    const transposedFirst: number[] = [];
    const builtIn: number[] = [];
    for (let round = 0; round <= repeats; round++) {
      transposedFirst.push(await timeOf(timesFrozen, x, weight));
      builtIn.push(await timeOf((a, b) => tf.matMul(a, b, false, true), x, weight));
    }
    results.push({
      ...shape,
      transposedFirstMs: median(transposedFirst.slice(1)), // the first compiles
      builtInMs: median(builtIn.slice(1)),
    });
    tf.dispose([x, weight]);
  }
  await machine.release();
  return results;
}

async function timeOf(layer: Layer, x: tf.Tensor2D, weight: tf.Tensor2D): Promise<number> {
  const startedAt = performance.now();
  const gradient = tf.tidy(() =>
    tf.grad((input) => tf.sum(layer(input as tf.Tensor2D, weight)))(x),
  );
  await gradient.data();
  gradient.dispose();
  return performance.now() - startedAt;
}
