// Attention masks, added to the scores: 0 where a token attends, and elsewhere a number so low that
// its softmax is exactly 0.
import * as tf from "@tensorflow/tfjs-core";
import type { TokenBatch } from "../../data/batching/batch.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

const masked = -1e9;

/** Each [B, 1, T, S]. */
export interface Masks {
  full: tf.Tensor4D;
  /** Of sliding layers. */
  sliding: tf.Tensor4D;
}

export function maskOf({ layers }: ModelConfig, { full, sliding }: Masks, layer: number) {
  return layers[layer]?.isSliding === true ? sliding : full;
}

/** [B, 1, T, T]: a token sees itself and earlier tokens of its own segment. */
export function batchMasks(config: ModelConfig, { rows, length, segments }: TokenBatch): Masks {
  return masksOf(config, [rows, 1, length, length], (row, to, from) => {
    const start = row * length;
    return from <= to && segments[start + from] === segments[start + to];
  });
}

/** [1, 1, T, T]: a token of a prompt sees itself and all before it. */
export function promptMasks(config: ModelConfig, length: number): Masks {
  return masksOf(config, [1, 1, length, length], (_, to, from) => from <= to);
}

/** [1, 1, 1, S]: a new token sees the cache up to its own place. */
export function cacheMasks(config: ModelConfig, places: number, position: number): Masks {
  return masksOf(config, [1, 1, 1, places], (_, __, from) => from <= position, position);
}

type Shape = [rows: number, one: 1, queries: number, keys: number];

/** @param first place of the first query */
function masksOf(
  { slidingWindow }: ModelConfig,
  shape: Shape,
  isSeen: (row: number, to: number, from: number) => boolean,
  first = 0,
): Masks {
  const [rows, , queries, keys] = shape;
  const maskWithin = (reach: number): tf.Tensor4D => {
    const values = new Float32Array(rows * queries * keys).map((_, index) => {
      const from = index % keys;
      const to = Math.floor(index / keys) % queries;
      const row = Math.floor(index / (keys * queries));
      return isSeen(row, to, from) && first + to - from < reach ? 0 : masked;
    });
    return tf.tensor4d(values, shape);
  };
  const full = maskWithin(Infinity);
  return { full, sliding: slidingWindow === null ? full : maskWithin(slidingWindow) };
}
