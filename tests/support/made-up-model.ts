// Small models with random weights, and random batches, to compare engines without a golden.
import { initialAdapter, type LoraConfig } from "../../src/adapter/lora.ts";
import { loraTargets } from "../../src/adapter/targets.ts";
import type { AdapterState } from "../../src/adapter/state.ts";
import { IGNORED, type TokenBatch } from "../../src/data/batching/batch.ts";
import { tensorsOf } from "../../src/model/tensors.ts";
import {
  encodingStore,
  weightShapes,
  type WeightChoice,
  type WeightStore,
} from "../../src/model/weights/store.ts";
import { substream, uniforms } from "../../src/util/random.ts";
import type { ModelConfig } from "../../src/model/config/model-config.ts";

const base: ModelConfig = {
  architecture: "LlamaForCausalLM",
  vocabSize: 97,
  hiddenSize: 32,
  intermediateSize: 60,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 4,
  headDim: 8,
  rmsNormEps: 1e-5,
  rope: { theta: 10000, scaling: null },
  slidingRope: { theta: 10000, scaling: null },
  slidingWindow: null,
  layers: [],
  hasQkvBias: false,
  hasQkNorm: false,
  isFused: false,
  hasSandwichNorms: false,
  normOffset: 0,
  activation: "silu",
  embeddingScale: 1,
  attentionScale: 1,
  attentionSoftcap: null,
  logitSoftcap: null,
  maxPositionEmbeddings: 256,
  tieWordEmbeddings: true,
};

/** Every layer has full attention and RoPE, unless `layers` says otherwise. */
export function madeUpConfig(given: Partial<ModelConfig> = {}): ModelConfig {
  const { headDim, numHiddenLayers } = { ...base, ...given };
  const layers = Array.from({ length: numHiddenLayers }, () => ({
    isSliding: false,
    hasRope: true,
  }));
  return { ...base, layers, attentionScale: 1 / Math.sqrt(headDim), ...given };
}

/** Weights of usual magnitude: norm scales near 1, biases near 0, matrices about 1 / sqrt(in). */
export function madeUpWeights(
  config: ModelConfig,
  choice: WeightChoice = { format: "f32" },
  seed = 5,
): WeightStore {
  const specs = tensorsOf(config);
  return encodingStore(weightShapes(config, choice), (name) => {
    const index = specs.findIndex((spec) => spec.name === name);
    const shape = specs[index]?.shape ?? [];
    const size = shape.reduce((product, extent) => product * extent, 1);
    const draws = uniforms(seed, substream(77, index), size);
    const isVector = shape.length === 1;
    const centre = isVector && !name.endsWith(".bias") ? 1 - config.normOffset : 0;
    const spread = isVector ? 0.2 : Math.sqrt(3 / (shape[1] ?? 1));
    const values = Float32Array.from(draws, (draw) => centre + (2 * draw - 1) * spread);
    return Promise.resolve(values);
  });
}

/** A and B are both non-zero, so that every gradient is. */
export function madeUpAdapter(config: ModelConfig, lora: LoraConfig, seed = 3): AdapterState {
  const { tensors } = initialAdapter(loraTargets(config, lora), lora.rank, seed);
  return {
    tensors: tensors.map((tensor, index) => ({
      ...tensor,
      values:
        index % 2 === 0
          ? tensor.values
          : uniforms(seed, substream(78, index), tensor.values.length).map(
              (draw) => (draw - 0.5) * 0.1,
            ),
    })),
  };
}

/** @param rows lengths of the segments of each row; the rest of `length` is padding */
export function madeUpBatch(
  { vocabSize }: ModelConfig,
  rows: readonly (readonly number[])[],
  length: number,
  seed: number,
): TokenBatch {
  const draws = uniforms(seed, 79, rows.length * length);
  const batch: TokenBatch = {
    rows: rows.length,
    length,
    tokens: new Int32Array(draws.length),
    positions: new Int32Array(draws.length),
    segments: new Int32Array(draws.length),
    targets: new Int32Array(draws.length).fill(IGNORED),
    weights: null,
    supervisedTokens: 0,
  };
  rows.forEach((segments, row) => {
    let at = row * length;
    segments.forEach((size, segment) => {
      for (let place = 0; place < size; place++, at++) {
        batch.tokens[at] = Math.floor((draws[at] ?? 0) * vocabSize);
        batch.positions[at] = place;
        batch.segments[at] = segment + 1;
        if (place > size / 3) {
          batch.targets[at - 1] = batch.tokens[at] ?? 0;
          batch.supervisedTokens++;
        }
      }
    });
  });
  return batch;
}
