// The decoder in plain tfjs ops, driven by ModelConfig: one file for every architecture, in the
// order of transformers' models/*/modeling_*.py (pre-norm decoder with RMSNorm, RoPE, grouped-query
// attention and a gated MLP; Llama's by default). tfjs differentiates it, so it has no backward.
//
// Letters: B rows, T tokens, N = B*T, D hidden, H heads, K key/value heads, G = H/K, d head size,
// F MLP width, V vocabulary, S places attended to.
import * as tf from "@tensorflow/tfjs-core";
import { embeddingName, finalNormName, headName } from "../../model/tensors.ts";
import { attentionFactor, inverseFrequencies } from "../../model/config/rope-frequencies.ts";
import { times, timesFrozen, timesTransposed } from "./products.ts";
import type { FrozenWeights } from "./weights.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

/** y = x W^T: [N, in] -> [N, out], with or without LoRA (lora-linear.ts). */
export type Linear = (x: tf.Tensor2D, module: string) => tf.Tensor2D;

/** Heads of one layer after RoPE. */
export interface Heads {
  query: tf.Tensor4D; // [B, H, T, d]
  key: tf.Tensor4D; // [B, K, T, d]
  value: tf.Tensor4D; // [B, K, T, d]
}

/**
 * Attention of one layer: [B, H, T, d]. Training attends within the batch, generation to a cache.
 */
export type Attend = (heads: Heads, layer: number) => tf.Tensor4D;

/** cos and sin, each [B, 1, T, d]. */
export interface Rope {
  cos: tf.Tensor4D;
  sin: tf.Tensor4D;
}

/** Sliding layers may have other RoPE frequencies (Gemma 3). */
export interface Ropes {
  full: Rope;
  sliding: Rope;
}

export interface Decoder {
  config: ModelConfig;
  weights: FrozenWeights;
  linear: Linear;
  attend: Attend;
}

/** Token ids [B, T] to logits [N, V]. */
export function forward(decoder: Decoder, tokens: tf.Tensor2D, ropes: Ropes): tf.Tensor2D {
  const { config, weights } = decoder;
  const [rows, length] = tokens.shape;
  const embedded: tf.Tensor2D = tf.reshape(tf.gather(weights.get(embeddingName), tokens), [
    rows * length,
    config.hiddenSize,
  ]);
  let x: tf.Tensor2D = tf.mul(embedded, config.embeddingScale);
  config.layers.forEach(({ isSliding, hasRope }, layer) => {
    const rope = isSliding ? ropes.sliding : ropes.full;
    x = decoderLayer(decoder, x, layer, [rows, length], hasRope ? rope : null);
  });
  const normed = rmsNorm(x, weights.get(finalNormName), config);
  return softcapped(timesFrozen(normed, weights.get(headName)), config.logitSoftcap);
}

/**
 * x + attention(norm(x)), then the same with the MLP: [N, D] -> [N, D]. With sandwich norms (Gemma
 * 2 and 3) each branch also ends in a norm.
 * @param rope null for a layer without RoPE (SmolLM3)
 */
export function decoderLayer(
  decoder: Decoder,
  x: tf.Tensor2D,
  layer: number,
  shape: [rows: number, length: number],
  rope: Rope | null,
): tf.Tensor2D {
  const { config, weights } = decoder;
  const prefix = `model.layers.${layer}`;
  const norm = (input: tf.Tensor2D, name: string) =>
    rmsNorm(input, weights.get(`${prefix}.${name}.weight`), config);
  const attention = selfAttention(decoder, norm(x, "input_layernorm"), layer, shape, rope);
  if (!config.hasSandwichNorms) {
    const attended: tf.Tensor2D = tf.add(x, attention);
    const normed = norm(attended, "post_attention_layernorm");
    return tf.add(attended, gatedMlp(decoder, normed, `${prefix}.mlp`));
  }
  const attended: tf.Tensor2D = tf.add(x, norm(attention, "post_attention_layernorm"));
  const mlp = gatedMlp(decoder, norm(attended, "pre_feedforward_layernorm"), `${prefix}.mlp`);
  return tf.add(attended, norm(mlp, "post_feedforward_layernorm"));
}

function selfAttention(
  decoder: Decoder,
  x: tf.Tensor2D,
  layer: number,
  [rows, length]: [number, number],
  rope: Rope | null,
): tf.Tensor2D {
  const { config, weights, linear, attend } = decoder;
  const module = `model.layers.${layer}.self_attn`;
  const [query, key, value] = projections(decoder, x, module);
  const heads = (projected: tf.Tensor2D, count: number): tf.Tensor4D => {
    const split: tf.Tensor4D = tf.reshape(projected, [rows, length, count, config.headDim]);
    return tf.transpose<tf.Tensor4D>(split, [0, 2, 1, 3]);
  };
  const rotated = (split: tf.Tensor4D, name: string): tf.Tensor4D => {
    const normed = config.hasQkNorm
      ? rmsNorm(split, weights.get(`${module}.${name}.weight`), config)
      : split;
    return rope === null ? normed : rotate(normed, rope);
  };
  const attended = attend(
    {
      query: rotated(heads(query, config.numAttentionHeads), "q_norm"),
      key: rotated(heads(key, config.numKeyValueHeads), "k_norm"),
      value: heads(value, config.numKeyValueHeads),
    },
    layer,
  );
  const joined = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [
    rows * length,
    config.numAttentionHeads * config.headDim,
  ]);
  return linear(joined as tf.Tensor2D, `${module}.o_proj`);
}

type Three = [query: tf.Tensor2D, key: tf.Tensor2D, value: tf.Tensor2D];

/** Queries, keys and values of all heads: [N, H*d], [N, K*d], [N, K*d]. */
function projections({ config, weights, linear }: Decoder, x: tf.Tensor2D, module: string): Three {
  if (config.isFused) {
    const { headDim, numAttentionHeads: heads, numKeyValueHeads: keyHeads } = config;
    const widths = [heads, keyHeads, keyHeads].map((count) => count * headDim);
    return tf.split(linear(x, `${module}.qkv_proj`), widths, 1) as Three;
  }
  const projected = (name: string): tf.Tensor2D => {
    const y = linear(x, `${module}.${name}`);
    return config.hasQkvBias ? tf.add(y, weights.get(`${module}.${name}.bias`)) : y;
  };
  return [projected("q_proj"), projected("k_proj"), projected("v_proj")];
}

/** down(activation(gate(x)) * up(x)): SwiGLU or GeGLU (Shazeer 2020, arXiv:2002.05202). */
function gatedMlp({ config, linear }: Decoder, x: tf.Tensor2D, module: string): tf.Tensor2D {
  const [gate, up] = (
    config.isFused
      ? tf.split(linear(x, `${module}.gate_up_proj`), 2, 1)
      : [linear(x, `${module}.gate_proj`), linear(x, `${module}.up_proj`)]
  ) as [tf.Tensor2D, tf.Tensor2D];
  const activated = config.activation === "silu" ? tf.mul(gate, tf.sigmoid(gate)) : geluTanh(gate);
  return linear(tf.mul(activated, up), `${module}.down_proj`);
}

/** x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))), PyTorch's gelu(approximate="tanh"). */
function geluTanh(x: tf.Tensor2D): tf.Tensor2D {
  const cubed = tf.mul(tf.mul(tf.square(x), x), 0.044715);
  const inner = tf.mul(tf.add(x, cubed), Math.sqrt(2 / Math.PI));
  return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
}

/** (offset + w) * x / sqrt(mean(x^2) + eps) over the last axis. */
export function rmsNorm<T extends tf.Tensor>(
  x: T,
  weight: tf.Tensor,
  { rmsNormEps, normOffset }: Pick<ModelConfig, "rmsNormEps" | "normOffset">,
): T {
  const meanSquare = tf.mean(tf.square(x), -1, true);
  const scale = normOffset === 0 ? weight : tf.add(weight, normOffset);
  return tf.mul(scale, tf.mul(x, tf.rsqrt(tf.add(meanSquare, rmsNormEps))));
}

/** cap * tanh(x / cap), or x without a cap. */
function softcapped<T extends tf.Tensor>(x: T, cap: number | null): T {
  return cap === null ? x : tf.mul(tf.tanh(tf.div(x, cap)), cap);
}

/** RoPE on NeoX halves: x * cos + [-x2, x1] * sin (transformers' rotate_half). */
function rotate(x: tf.Tensor4D, { cos, sin }: Rope): tf.Tensor4D {
  const [first, second] = tf.split(x, 2, -1);
  if (first === undefined || second === undefined) {
    throw new Error("RoPE needs an even head size.");
  }
  return tf.add(tf.mul(x, cos), tf.mul(tf.concat([tf.neg(second), first], -1), sin));
}

/** Of all layers. @param positions [B*T] */
export function ropesFor(config: ModelConfig, positions: Int32Array, rows: number): Ropes {
  const full = ropeFor(config, positions, rows);
  const { rope, slidingRope } = config;
  const isShared = slidingRope === rope;
  return { full, sliding: isShared ? full : ropeFor(config, positions, rows, slidingRope) };
}

/** Angles in f32 at each rounding, as transformers computes them. @param positions [B*T] */
export function ropeFor(
  { headDim, rope }: Pick<ModelConfig, "headDim" | "rope">,
  positions: Int32Array,
  rows: number,
  spec = rope,
): Rope {
  const half = headDim / 2;
  const frequencies = inverseFrequencies(headDim, spec);
  const factor = attentionFactor(spec);
  const angles = new Float32Array(positions.length * headDim);
  positions.forEach((position, token) => {
    for (let i = 0; i < headDim; i++) {
      angles[token * headDim + i] = position * (frequencies[i % half] ?? 0);
    }
  });
  const shape: [number, number, number, number] = [rows, 1, positions.length / rows, headDim];
  return {
    cos: tf.tensor4d(
      angles.map((angle) => factor * Math.cos(angle)),
      shape,
    ),
    sin: tf.tensor4d(
      angles.map((angle) => factor * Math.sin(angle)),
      shape,
    ),
  };
}

/**
 * softmax(softcap(scale * q k^T) + mask) v. The G query heads of a key head are stacked along T, so
 * keys are never repeated.
 * @param mask [B, 1, T, S], 0 where attention may look and a large negative number elsewhere
 */
export function attention(
  { query, key, value }: Heads,
  mask: tf.Tensor4D,
  { attentionScale, attentionSoftcap }: Pick<ModelConfig, "attentionScale" | "attentionSoftcap">,
): tf.Tensor4D {
  const [rows, heads, length, headDim] = query.shape;
  const keyHeads = key.shape[1];
  const places = key.shape[2];
  const stacked: tf.Tensor3D = tf.reshape(query, [
    rows * keyHeads,
    (heads / keyHeads) * length,
    headDim,
  ]);
  const flat = (x: tf.Tensor4D): tf.Tensor3D => tf.reshape(x, [rows * keyHeads, places, headDim]);
  const scores = tf.mul(timesTransposed(stacked, flat(key)), attentionScale);
  const capped = softcapped(scores, attentionSoftcap);
  const masked = tf.add(tf.reshape(capped, [rows, heads, length, places]), mask);
  const weights: tf.Tensor3D = tf.reshape(tf.softmax(masked), [
    rows * keyHeads,
    (heads / keyHeads) * length,
    places,
  ]);
  return tf.reshape(times(weights, flat(value)), [rows, heads, length, headDim]);
}
