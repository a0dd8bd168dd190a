// Made-up inputs from seed and name, the same for every program.
import { adapterShapes } from "../../src/adapter/lora.ts";
import { loraTargets } from "../../src/adapter/targets.ts";
import { tensorsOf } from "../../src/model/tensors.ts";
import {
  encodingStore,
  weightShapes,
  type WeightChoice,
  type WeightStore,
} from "../../src/model/weights/store.ts";
import { substream, uniforms } from "../../src/util/random.ts";
import { lora, type BlockShape, type Product } from "./shapes.ts";
import type { ModelConfig } from "../../src/model/config/model-config.ts";

/** A matrix of the adapter. */
export interface AdapterMatrix {
  name: string;
  shape: readonly [number, number];
  values: Float32Array<ArrayBuffer>;
}

/**
 * y = block(x) on one causal sequence; the loss is mean(y^2). Only the adapter's 14 matrices need
 * gradients.
 */
export interface BlockInputs extends BlockShape {
  /** [tokens, hidden] */
  x: Float32Array<ArrayBuffer>;
  /** Layer 0 by Hugging Face name; linear layers are [out, in]. */
  weights: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
  /** In the engines' order: A [rank, in] and B [out, rank] of each linear layer in turn. */
  adapter: readonly AdapterMatrix[];
}

/** x [m, k] and a weight as layers store it, [n, k]; the product is x weight^T. */
export interface ProductInputs extends Product {
  x: Float32Array<ArrayBuffer>;
  weight: Float32Array<ArrayBuffer>;
}

const stream = 99;

export function blockInputs({ config, tokens }: BlockShape): BlockInputs {
  const x = numbers("x", tokens * config.hiddenSize, 1);
  const ofLayer = tensorsOf(config).filter(({ name }) => name.startsWith("model.layers.0."));
  const weights = ofLayer.map(({ name, shape }) => {
    const size = shape.reduce((product, length) => product * length, 1);
    // Norm scales are near 1, as in trained models.
    return shape.length === 1
      ? ([name, numbers(name, size, 0.2).map((value) => 1 + value)] as const)
      : ([name, numbers(name, size, spread(shape[1] ?? 1))] as const);
  });
  const adapter = adapterShapes(loraTargets(config, lora), lora.rank).map(({ name, shape }) => ({
    name,
    shape,
    // B is not zero, unlike at the start of training: otherwise A would have no gradient.
    values: numbers(name, shape[0] * shape[1], spread(shape[1]) / 4),
  }));
  return { config, tokens, x, weights: new Map(weights), adapter };
}

export function productInputs({ m, k, n }: Product): ProductInputs {
  return { m, k, n, x: numbers("x", m * k, 1), weight: numbers("weight", n * k, spread(k)) };
}

/**
 * Weights of a whole model, by name. All share one pool of numbers, since drawing 135 million needs
 * half a minute.
 */
export function madeUpStore(config: ModelConfig, choice: WeightChoice): WeightStore {
  const sizes = new Map(tensorsOf(config).map(({ name, shape }) => [name, shape]));
  const pool = numbers("pool", 2 ** 18, 1);
  return encodingStore(weightShapes(config, choice), (name) => {
    const shape = sizes.get(name) ?? [];
    const values = new Float32Array(shape.reduce((product, length) => product * length, 1));
    if (shape.length === 1) {
      return Promise.resolve(values.fill(1));
    }
    const scaled = pool.map((value) => value * spread(shape[1] ?? 1));
    for (let offset = 0; offset < values.length; offset += scaled.length) {
      values.set(scaled.subarray(0, values.length - offset), offset);
    }
    return Promise.resolve(values);
  });
}

/** Transposes [rows, cols] to [cols, rows]. */
export function transposed(
  values: Float32Array,
  rows: number,
  cols: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      result[col * rows + row] = values[row * cols + col] ?? 0;
    }
  }
  return result;
}

/** Uniform numbers with this bound give a layer's output about the variance of its input. */
function spread(inFeatures: number): number {
  return Math.sqrt(3 / inFeatures);
}

/** Uniform in [-bound, bound). */
function numbers(name: string, count: number, bound: number): Float32Array<ArrayBuffer> {
  const letters = Array.from(name, (letter) => letter.codePointAt(0) ?? 0);
  const draws = uniforms(1, substream(stream, ...letters), count);
  return Float32Array.from(draws, (draw) => (2 * draw - 1) * bound);
}
