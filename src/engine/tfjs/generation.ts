// Generates token by token with a key/value cache of fixed capacity, so that no step needs a buffer
// of a new size.
import * as tf from "@tensorflow/tfjs-core";
import { attention, forward, ropesFor, type Attend, type Heads, type Linear } from "./decoder.ts";
import { cacheMasks, maskOf, promptMasks } from "./masks.ts";
import type { FrozenWeights } from "./weights.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";

/** Prompts are padded to a multiple of this, which keeps the number of buffer sizes small. */
const promptBlock = 32;

interface LayerCache {
  key: tf.Tensor4D; // [1, K, C, d]
  value: tf.Tensor4D; // [1, K, C, d]
}

export class Generation {
  readonly #config: ModelConfig;
  readonly #weights: FrozenWeights;
  readonly #linear: Linear;
  /** C: places of each cache. */
  readonly #places: number;
  readonly #caches: LayerCache[] = [];

  /** @param capacity tokens of prompt and answer together */
  constructor(config: ModelConfig, weights: FrozenWeights, linear: Linear, capacity: number) {
    this.#config = config;
    this.#weights = weights;
    this.#linear = linear;
    this.#places = Math.ceil(capacity / promptBlock) * promptBlock;
  }

  /** Logits [V] after the whole prompt; the caller disposes them. */
  prefill(prompt: readonly number[]): tf.Tensor1D {
    const length = Math.ceil(prompt.length / promptBlock) * promptBlock;
    const tokens = Int32Array.from({ length }, (_, i) => prompt[i] ?? 0);
    return tf.tidy(() => {
      const masks = promptMasks(this.#config, length);
      const attend = (heads: Heads, layer: number) => {
        const [key, value] = [padTo(heads.key, this.#places), padTo(heads.value, this.#places)];
        this.#keep(layer, { key, value });
        return attention(heads, maskOf(this.#config, masks, layer), this.#config);
      };
      const positions = Int32Array.from(tokens.keys());
      return rowOf(this.#forward(tokens, positions, attend), prompt.length - 1);
    });
  }

  /** Logits [V] after one more token at `position`; the caller disposes them. */
  next(token: number, position: number): tf.Tensor1D {
    return tf.tidy(() => {
      const isHere = tf.tensor4d(
        Array.from({ length: this.#places }, (_, place) => Number(place === position)),
        [1, 1, this.#places, 1],
        "bool",
      );
      const masks = cacheMasks(this.#config, this.#places, position);
      const attend = ({ query, key, value }: Heads, layer: number) => {
        const old = this.#caches[layer];
        if (old === undefined) {
          throw new Error("next() was called before prefill().");
        }
        const cache = this.#keep(layer, {
          key: tf.where(isHere, key, old.key),
          value: tf.where(isHere, value, old.value),
        });
        return attention({ query, ...cache }, maskOf(this.#config, masks, layer), this.#config);
      };
      return rowOf(this.#forward(Int32Array.of(token), Int32Array.of(position), attend), 0);
    });
  }

  dispose(): void {
    tf.dispose(this.#caches.flatMap(({ key, value }) => [key, value]));
    this.#caches.length = 0;
  }

  /** Logits [T, V] of one row of tokens. */
  #forward(tokens: Int32Array, positions: Int32Array, attend: Attend): tf.Tensor2D {
    return forward(
      { config: this.#config, weights: this.#weights, linear: this.#linear, attend },
      tf.tensor2d(tokens, [1, tokens.length], "int32"),
      ropesFor(this.#config, positions, 1),
    );
  }

  /** Replaces a layer's cache; the tensors outlive the tidy they were made in. */
  #keep(layer: number, cache: LayerCache): LayerCache {
    const old = this.#caches[layer];
    if (old !== undefined) {
      tf.dispose([old.key, old.value]);
    }
    tf.keep(cache.key);
    tf.keep(cache.value);
    this.#caches[layer] = cache;
    return cache;
  }
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
