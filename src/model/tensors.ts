// The tensors of a decoder, by Hugging Face name and shape. Names are never translated.
import type { ModelConfig } from "./config/model-config.ts";

export interface TensorSpec {
  name: string;
  shape: readonly number[];
}

/** A linear layer that can carry an adapter. */
export interface LinearSpec {
  /** Module path, e.g. `model.layers.0.self_attn.q_proj`. */
  module: string;
  /** Last part of the path: PEFT's target module. */
  target: string;
  inFeatures: number;
  outFeatures: number;
}

export const embeddingName = "model.embed_tokens.weight";
export const finalNormName = "model.norm.weight";
export const headName = "lm_head.weight";

/**
 * The linear layers of one decoder layer, in forward order: seven, or four where they are fused.
 */
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
  const output = linear("self_attn.o_proj", queryWidth, hiddenSize);
  const down = linear("mlp.down_proj", intermediateSize, hiddenSize);
  if (config.isFused) {
    return [
      linear("self_attn.qkv_proj", hiddenSize, queryWidth + 2 * keyWidth),
      output,
      linear("mlp.gate_up_proj", hiddenSize, 2 * intermediateSize),
      down,
    ];
  }
  return [
    linear("self_attn.q_proj", hiddenSize, queryWidth),
    linear("self_attn.k_proj", hiddenSize, keyWidth),
    linear("self_attn.v_proj", hiddenSize, keyWidth),
    output,
    linear("mlp.gate_proj", hiddenSize, intermediateSize),
    linear("mlp.up_proj", hiddenSize, intermediateSize),
    down,
  ];
}

/** PEFT's names of all modules that an adapter can go to, in forward order. */
export function targetModulesOf(config: ModelConfig): string[] {
  return linearsOfLayer(config, 0).map(({ target }) => target);
}

const biasedTargets = ["q_proj", "k_proj", "v_proj"];

/** Every tensor the decoder needs; a tied head is the embedding and has no separate tensor. */
export function tensorsOf(config: ModelConfig): TensorSpec[] {
  const { vocabSize, hiddenSize } = config;
  const table = [vocabSize, hiddenSize];
  return [
    { name: embeddingName, shape: table },
    ...Array.from({ length: config.numHiddenLayers }, (_, layer) =>
      tensorsOfLayer(config, layer),
    ).flat(),
    { name: finalNormName, shape: [hiddenSize] },
    ...(config.tieWordEmbeddings ? [] : [{ name: headName, shape: table }]),
  ];
}

/** The layer that a tensor belongs to; null for embedding, final norm and head. */
export function layerOf(name: string): number | null {
  const [, layer] = /^model\.layers\.(\d+)\./.exec(name) ?? [];
  return layer === undefined ? null : Number(layer);
}

function tensorsOfLayer(config: ModelConfig, layer: number): TensorSpec[] {
  const { hiddenSize, headDim, hasSandwichNorms, hasQkNorm, hasQkvBias } = config;
  const norm = (name: string, size: number): TensorSpec => ({
    name: `model.layers.${layer}.${name}.weight`,
    shape: [size],
  });
  const norms = ["input_layernorm", "post_attention_layernorm"];
  const sandwich = ["pre_feedforward_layernorm", "post_feedforward_layernorm"];
  const headNorms = ["self_attn.q_norm", "self_attn.k_norm"];
  return [
    ...norms.map((name) => norm(name, hiddenSize)),
    ...(hasSandwichNorms ? sandwich.map((name) => norm(name, hiddenSize)) : []),
    ...(hasQkNorm ? headNorms.map((name) => norm(name, headDim)) : []),
    ...linearsOfLayer(config, layer).flatMap(({ module, target, inFeatures, outFeatures }) => {
      const weight: TensorSpec = { name: `${module}.weight`, shape: [outFeatures, inFeatures] };
      const isBiased = hasQkvBias && biasedTargets.includes(target);
      return isBiased ? [weight, { name: `${module}.bias`, shape: [outFeatures] }] : [weight];
    }),
  ];
}
