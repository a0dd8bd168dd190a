// Shapes for the benchmark: layers of two small models, their matrix products, and whole models
// with made-up weights.
import type { LoraConfig } from "../../src/adapter/lora.ts";
import type { ModelConfig } from "../../src/model/config/model-config.ts";

/** One decoder layer on one sequence. */
export interface BlockShape {
  /** Sizes of one layer. */
  config: ModelConfig;
  tokens: number;
}

/** [m, k] times [k, n]. */
export interface Product {
  m: number;
  k: number;
  n: number;
}

/** A model with made-up weights; a step needs as long as with real ones. */
export interface Model {
  name: string;
  config: ModelConfig;
}

export const lora: LoraConfig = {
  rank: 16,
  alpha: 32,
  dropout: 0,
  targetModules: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
};

type Sizes = Pick<ModelConfig, "hiddenSize" | "intermediateSize" | "numAttentionHeads"> &
  Partial<ModelConfig>;

/** A Llama of one layer, unless `sizes` changes it. */
function llama(sizes: Sizes, theta = 100_000): ModelConfig {
  const { numHiddenLayers = 1, headDim = 64 } = sizes;
  const rope = { theta, scaling: null };
  return {
    architecture: "LlamaForCausalLM",
    vocabSize: 32,
    numHiddenLayers,
    numKeyValueHeads: 1,
    headDim,
    rmsNormEps: 1e-5,
    rope,
    slidingRope: rope,
    slidingWindow: null,
    layers: Array.from({ length: numHiddenLayers }, () => ({ isSliding: false, hasRope: true })),
    hasQkvBias: false,
    hasQkNorm: false,
    isFused: false,
    hasSandwichNorms: false,
    normOffset: 0,
    activation: "silu",
    embeddingScale: 1,
    attentionScale: 1 / Math.sqrt(headDim),
    attentionSoftcap: null,
    logitSoftcap: null,
    maxPositionEmbeddings: 8192,
    tieWordEmbeddings: true,
    ...sizes,
  };
}

const smolSizes: Sizes = {
  hiddenSize: 576,
  intermediateSize: 1536,
  numAttentionHeads: 9,
  numKeyValueHeads: 3,
};
const smolLayer = llama(smolSizes);

/** Qwen2.5-0.5B's sizes; its biases are left out. */
const qwenLayer = llama({
  hiddenSize: 896,
  intermediateSize: 4864,
  numAttentionHeads: 14,
  numKeyValueHeads: 2,
});

const tinyLayer = llama({
  hiddenSize: 128,
  intermediateSize: 192,
  numAttentionHeads: 2,
});

/** Sizes of public/demo/model. */
export const demo: Model = {
  name: "demo",
  config: llama(
    {
      hiddenSize: 128,
      intermediateSize: 384,
      numAttentionHeads: 4,
      numKeyValueHeads: 2,
      headDim: 32,
      vocabSize: 1024,
      numHiddenLayers: 4,
    },
    10_000,
  ),
};

export const smolLM2: Model = {
  name: "SmolLM2-135M",
  config: llama({ ...smolSizes, vocabSize: 49_152, numHiddenLayers: 30 }),
};

/** Without its RoPE scaling, which costs no time. */
export const llama1B: Model = {
  name: "Llama-3.2-1B",
  config: llama(
    {
      hiddenSize: 2048,
      intermediateSize: 8192,
      numAttentionHeads: 32,
      numKeyValueHeads: 8,
      vocabSize: 128_256,
      numHiddenLayers: 16,
    },
    500_000,
  ),
};

export interface Shapes {
  blocks: readonly BlockShape[];
  products: readonly Product[];
}

export const shapes: Shapes = {
  blocks: [
    { config: smolLayer, tokens: 64 },
    { config: smolLayer, tokens: 256 },
    { config: qwenLayer, tokens: 64 },
  ],
  products: [64, 256].flatMap((m) => [
    { m, k: 576, n: 576 },
    { m, k: 576, n: 192 },
    { m, k: 576, n: 1536 },
    { m, k: 1536, n: 576 },
    { m, k: 896, n: 4864 },
    { m, k: 4864, n: 896 },
  ]),
};

/** Small shapes, to check in a minute that everything runs. */
export const quickShapes: Shapes = {
  blocks: [{ config: tinyLayer, tokens: 24 }],
  products: [{ m: 24, k: 128, n: 192 }],
};

export function nameOf({ hiddenSize, numAttentionHeads, ...rest }: ModelConfig): string {
  return `D ${hiddenSize}, H ${numAttentionHeads}, KV ${rest.numKeyValueHeads}, F ${rest.intermediateSize}`;
}
