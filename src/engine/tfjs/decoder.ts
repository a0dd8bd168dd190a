// The Llama decoder in plain tfjs ops. Letters: B rows, T tokens, N = B*T, D hidden, H heads, K key/value heads,
// G = H/K, d head size, F MLP width, V vocabulary, S places attended to.
import * as tf from "@tensorflow/tfjs-core";
import type { ModelConfig } from "../../model/config.ts";
import { embeddingName, finalNormName, headName } from "../../model/tensors.ts";
import { inverseFrequencies } from "../../model/rope.ts";
import { times, timesFrozen, timesTransposed } from "./products.ts";
import type { FrozenWeights } from "./weights.ts";

/** y = x W^T, with or without an adapter: [N, in] -> [N, out]. The seam where LoRA comes in. */
export type Linear = (x: tf.Tensor2D, module: string) => tf.Tensor2D;

/** Heads of one layer after RoPE. */
export interface Heads {
  query: tf.Tensor4D; // [B, H, T, d]
  key: tf.Tensor4D; // [B, K, T, d]
  value: tf.Tensor4D; // [B, K, T, d]
}

/** Attention of one layer: [B, H, T, d]. Training attends within the batch, generation to a cache. */
export type Attend = (heads: Heads, layer: number) => tf.Tensor4D;

/** cos and sin, each [B, 1, T, d]. */
export interface Rope {
  cos: tf.Tensor4D;
  sin: tf.Tensor4D;
}

export interface Decoder {
  config: ModelConfig;
  weights: FrozenWeights;
  linear: Linear;
  attend: Attend;
}

/** Token ids [B, T] to logits [N, V]. */
export function forward(decoder: Decoder, tokens: tf.Tensor2D, rope: Rope): tf.Tensor2D {
  const { config, weights } = decoder;
  const [rows, length] = tokens.shape;
  let x: tf.Tensor2D = tf.reshape(tf.gather(weights.get(embeddingName), tokens), [
    rows * length,
    config.hiddenSize,
  ]);
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    x = decoderLayer(decoder, x, layer, [rows, length], rope);
  }
  const normed = rmsNorm(x, weights.get(finalNormName), config.rmsNormEps);
  return timesFrozen(normed, weights.get(headName));
}

export function decoderLayer(
  decoder: Decoder,
  x: tf.Tensor2D,
  layer: number,
  shape: [rows: number, length: number],
  rope: Rope,
): tf.Tensor2D {
  const { config, weights } = decoder;
  const prefix = `model.layers.${layer}`;
  const norm = (input: tf.Tensor2D, name: string) =>
    rmsNorm(input, weights.get(`${prefix}.${name}.weight`), config.rmsNormEps);
  const attended: tf.Tensor2D = tf.add(
    x,
    selfAttention(decoder, norm(x, "input_layernorm"), layer, shape, rope),
  );
  const mlp = swiGlu(decoder.linear, norm(attended, "post_attention_layernorm"), `${prefix}.mlp`);
  return tf.add(attended, mlp);
}

function selfAttention(
  { config, linear, attend }: Decoder,
  x: tf.Tensor2D,
  layer: number,
  [rows, length]: [number, number],
  rope: Rope,
): tf.Tensor2D {
  const module = `model.layers.${layer}.self_attn`;
  const heads = (name: string, count: number): tf.Tensor4D => {
    const projected = linear(x, `${module}.${name}`);
    const split: tf.Tensor4D = tf.reshape(projected, [rows, length, count, config.headDim]);
    return tf.transpose<tf.Tensor4D>(split, [0, 2, 1, 3]);
  };
  const rotated = (x: tf.Tensor4D) => rotate(x, rope);
  const attended = attend(
    {
      query: rotated(heads("q_proj", config.numAttentionHeads)),
      key: rotated(heads("k_proj", config.numKeyValueHeads)),
      value: heads("v_proj", config.numKeyValueHeads),
    },
    layer,
  );
  const joined = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [
    rows * length,
    config.numAttentionHeads * config.headDim,
  ]);
  return linear(joined as tf.Tensor2D, `${module}.o_proj`);
}

/** down(silu(gate(x)) * up(x)) */
function swiGlu(linear: Linear, x: tf.Tensor2D, module: string): tf.Tensor2D {
  const gate = linear(x, `${module}.gate_proj`);
  const up = linear(x, `${module}.up_proj`);
  return linear(tf.mul(tf.mul(gate, tf.sigmoid(gate)), up), `${module}.down_proj`);
}

/** w * x / sqrt(mean(x^2) + eps) over the last axis. */
export function rmsNorm(x: tf.Tensor2D, weight: tf.Tensor, epsilon: number): tf.Tensor2D {
  const meanSquare = tf.mean(tf.square(x), -1, true);
  return tf.mul(weight, tf.mul(x, tf.rsqrt(tf.add(meanSquare, epsilon))));
}

/** RoPE on NeoX halves: x * cos + [-x2, x1] * sin (transformers' rotate_half). */
function rotate(x: tf.Tensor4D, { cos, sin }: Rope): tf.Tensor4D {
  const [first, second] = tf.split(x, 2, -1);
  if (first === undefined || second === undefined) {
    throw new Error("RoPE needs an even head size.");
  }
  return tf.add(tf.mul(x, cos), tf.mul(tf.concat([tf.neg(second), first], -1), sin));
}

/** Angles in f32 at each rounding, as transformers computes them. @param positions [B*T] */
export function ropeFor(config: ModelConfig, positions: Int32Array, rows: number): Rope {
  const { headDim, rope } = config;
  const half = headDim / 2;
  const frequencies = inverseFrequencies(headDim, rope);
  const angles = new Float32Array(positions.length * headDim);
  positions.forEach((position, token) => {
    for (let i = 0; i < headDim; i++) {
      angles[token * headDim + i] = position * (frequencies[i % half] ?? 0);
    }
  });
  const shape: [number, number, number, number] = [rows, 1, positions.length / rows, headDim];
  return {
    cos: tf.tensor4d(angles.map(Math.cos), shape),
    sin: tf.tensor4d(angles.map(Math.sin), shape),
  };
}

/**
 * softmax(q k^T / sqrt(d) + mask) v. The G query heads of a key head are stacked along T, so keys are never repeated.
 * @param mask [B, 1, T, S], 0 where attention may look and a large negative number elsewhere
 */
export function attention({ query, key, value }: Heads, mask: tf.Tensor4D): tf.Tensor4D {
  const [rows, heads, length, headDim] = query.shape;
  const keyHeads = key.shape[1];
  const places = key.shape[2];
  const stacked: tf.Tensor3D = tf.reshape(query, [
    rows * keyHeads,
    (heads / keyHeads) * length,
    headDim,
  ]);
  const flat = (x: tf.Tensor4D): tf.Tensor3D => tf.reshape(x, [rows * keyHeads, places, headDim]);
  const scores = tf.mul(timesTransposed(stacked, flat(key)), 1 / Math.sqrt(headDim));
  const masked = tf.add(tf.reshape(scores, [rows, heads, length, places]), mask);
  const weights: tf.Tensor3D = tf.reshape(tf.softmax(masked), [
    rows * keyHeads,
    (heads / keyHeads) * length,
    places,
  ]);
  return tf.reshape(times(weights, flat(value)), [rows, heads, length, headDim]);
}
