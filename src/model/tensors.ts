// Which tensors a decoder has, by Hugging Face name and shape. Names are never translated.
import type { ModelConfig } from "./config.ts";

export interface TensorSpec {
  name: string;
  shape: readonly number[];
}

/** A linear layer that can carry an adapter. */
export interface LinearSpec {
  /** Module path, e.g. `model.layers.0.self_attn.q_proj`. */
  module: string;
  /** Last part of the path, PEFT's target module. */
  target: string;
  inFeatures: number;
  outFeatures: number;
}

export const embeddingName = "model.embed_tokens.weight";
export const finalNormName = "model.norm.weight";
export const headName = "lm_head.weight";

/** The seven linear layers of one decoder layer, in forward order. */
export function linearsOfLayer(config: ModelConfig, layer: number): LinearSpec[] {
  const { hiddenSize, intermediateSize, headDim } = config;
  const queryWidth = config.numAttentionHeads * headDim;
  const keyWidth = config.numKeyValueHeads * headDim;
  const linear = (path: string, inFeatures: number, outFeatures: number): LinearSpec => ({
    module: `model.layers.${layer}.${path}`,
    target: path.slice(path.indexOf(".") + 1),
    inFeatures,
    outFeatures,
  });
  return [
    linear("self_attn.q_proj", hiddenSize, queryWidth),
    linear("self_attn.k_proj", hiddenSize, keyWidth),
    linear("self_attn.v_proj", hiddenSize, keyWidth),
    linear("self_attn.o_proj", queryWidth, hiddenSize),
    linear("mlp.gate_proj", hiddenSize, intermediateSize),
    linear("mlp.up_proj", hiddenSize, intermediateSize),
    linear("mlp.down_proj", intermediateSize, hiddenSize),
  ];
}

/** Every tensor the decoder needs; a tied head is the embedding and has no tensor of its own. */
export function tensorsOf(config: ModelConfig): TensorSpec[] {
  const { vocabSize, hiddenSize } = config;
  const norm = (name: string): TensorSpec => ({ name, shape: [hiddenSize] });
  const layers = Array.from({ length: config.numHiddenLayers }, (_, layer) => [
    norm(`model.layers.${layer}.input_layernorm.weight`),
    norm(`model.layers.${layer}.post_attention_layernorm.weight`),
    ...linearsOfLayer(config, layer).map(({ module, inFeatures, outFeatures }) => ({
      name: `${module}.weight`,
      shape: [outFeatures, inFeatures],
    })),
  ]).flat();
  const table = [vocabSize, hiddenSize];
  return [
    { name: embeddingName, shape: table },
    ...layers,
    norm(finalNormName),
    ...(config.tieWordEmbeddings ? [] : [{ name: headName, shape: table }]),
  ];
}
