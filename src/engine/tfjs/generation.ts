// Token by token with a key/value cache of fixed capacity, so that no step needs a buffer of a new
// size.
import * as tf from "@tensorflow/tfjs-core";
import { attention, forward, ropesFor, type Heads, type Linear } from "./decoder.ts";
import { cacheMasks, maskOf, promptMasks } from "./masks.ts";
import type { FrozenWeights } from "./weights.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

/** Prompts are padded to a multiple of this, which keeps the number of buffer sizes small. */
const promptBlock = 32;

interface LayerCache {
  key: tf.Tensor4D; // [1, K, C, d]
  value: tf.Tensor4D; // [1, K, C, d]
}

export interface Generation {
  /** Logits [V] after the whole prompt; the caller disposes them. */
  prefill(prompt: readonly number[]): tf.Tensor1D;
  /** Logits [V] after one more token at `position`; the caller disposes them. */
  next(token: number, position: number): tf.Tensor1D;
  dispose(): void;
}

/** @param capacity tokens of prompt and answer together */
export function startGeneration(
  config: ModelConfig,
  weights: FrozenWeights,
  linear: Linear,
  capacity: number,
): Generation {
  const places = Math.ceil(capacity / promptBlock) * promptBlock;
  const caches: LayerCache[] = [];

  const keepCache = (layer: number, cache: LayerCache): LayerCache => {
    const old = caches[layer];
    if (old !== undefined) {
      tf.dispose([old.key, old.value]);
    }
    tf.keep(cache.key);
    tf.keep(cache.value);
    caches[layer] = cache;
    return cache;
  };

  return {
    prefill(prompt) {
      const length = Math.ceil(prompt.length / promptBlock) * promptBlock;
      const tokens = Int32Array.from({ length }, (_, i) => prompt[i] ?? 0);
      return tf.tidy(() => {
        const masks = promptMasks(config, length);
        const attend = (heads: Heads, layer: number) => {
          keepCache(layer, { key: padTo(heads.key, places), value: padTo(heads.value, places) });
          return attention(heads, maskOf(config, masks, layer), config);
        };
        const logits = forward(
          { config, weights, linear, attend },
          tf.tensor2d(tokens, [1, length], "int32"),
          ropesFor(config, Int32Array.from(tokens.keys()), 1),
        );
        return rowOf(logits, prompt.length - 1);
      });
    },
    next(token, position) {
      return tf.tidy(() => {
        const isHere = tf.tensor4d(
          Array.from({ length: places }, (_, place) => Number(place === position)),
          [1, 1, places, 1],
          "bool",
        );
        const masks = cacheMasks(config, places, position);
        const attend = ({ query, key, value }: Heads, layer: number) => {
          const old = caches[layer];
          if (old === undefined) {
            throw new Error("next() was called before prefill().");
          }
          const cache = keepCache(layer, {
            key: tf.where(isHere, key, old.key),
            value: tf.where(isHere, value, old.value),
          });
          return attention({ query, ...cache }, maskOf(config, masks, layer), config);
        };
        const logits = forward(
          { config, weights, linear, attend },
          tf.tensor2d([token], [1, 1], "int32"),
          ropesFor(config, Int32Array.of(position), 1),
        );
        return rowOf(logits, 0);
      });
    },
    dispose() {
      tf.dispose(caches.flatMap(({ key, value }) => [key, value]));
      caches.length = 0;
    },
  };
}

function rowOf(logits: tf.Tensor2D, row: number): tf.Tensor1D {
  return tf.reshape(tf.slice(logits, [row, 0], [1, -1]), [-1]);
}

/** Cuts or fills the place axis to `places`. */
function padTo(x: tf.Tensor4D, places: number): tf.Tensor4D {
  const missing = places - x.shape[2];
  return missing >= 0
    ? tf.pad(x, [
        [0, 0],
        [0, 0],
        [0, missing],
        [0, 0],
      ])
    : tf.slice(x, [0, 0, 0, 0], [-1, -1, places, -1]);
}
