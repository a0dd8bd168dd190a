// What the description of a model means for the dispatches of a layer: widths, which linears there
// are, its attention and its RoPE.
import type { AttentionShape } from "../../../kernels/attention/kernel.ts";
import type { ModelConfig, Rope } from "../../../model/config/model-config.ts";

/**
 * A linear layer, and the widths of what its output holds side by side: more than one where
 * projections are fused.
 */
export interface Projection {
  /** Within the layer, e.g. `self_attn.q_proj`. */
  path: string;
  widths: readonly number[];
}

export function widthsOf(config: ModelConfig): { queryWidth: number; keyWidth: number } {
  return {
    queryWidth: config.numAttentionHeads * config.headDim,
    keyWidth: config.numKeyValueHeads * config.headDim,
  };
}

/** The linears that make queries, keys and values, in this order. */
export function headProjections(config: ModelConfig): readonly Projection[] {
  const { queryWidth, keyWidth } = widthsOf(config);
  return config.isFused
    ? [{ path: "self_attn.qkv_proj", widths: [queryWidth, keyWidth, keyWidth] }]
    : [
        { path: "self_attn.q_proj", widths: [queryWidth] },
        { path: "self_attn.k_proj", widths: [keyWidth] },
        { path: "self_attn.v_proj", widths: [keyWidth] },
      ];
}

/** The linears that make the MLP's gate and what it gates, in this order. */
export function gateProjections({ isFused, intermediateSize }: ModelConfig): readonly Projection[] {
  return isFused
    ? [{ path: "mlp.gate_up_proj", widths: [intermediateSize, intermediateSize] }]
    : [
        { path: "mlp.gate_proj", widths: [intermediateSize] },
        { path: "mlp.up_proj", widths: [intermediateSize] },
      ];
}

/** The norms of a layer by their place: two of them have other names where there are four. */
export function normsOf({ hasSandwichNorms }: ModelConfig) {
  return hasSandwichNorms
    ? ({
        beforeAttention: "input_layernorm",
        afterAttention: "post_attention_layernorm",
        beforeMlp: "pre_feedforward_layernorm",
        afterMlp: "post_feedforward_layernorm",
      } as const)
    : ({
        beforeAttention: "input_layernorm",
        afterAttention: null,
        beforeMlp: "post_attention_layernorm",
        afterMlp: null,
      } as const);
}

/** RoPE parameters of a layer; null for a layer without RoPE. */
export function ropeOf(config: ModelConfig, layer: number): Rope | null {
  const kind = config.layers[layer];
  if (kind?.hasRope !== true) {
    return null;
  }
  return kind.isSliding ? config.slidingRope : config.rope;
}

/** Whether a layer sees the last `slidingWindow` tokens only. */
export function isSliding({ layers, slidingWindow }: ModelConfig, layer: number): boolean {
  return slidingWindow !== null && layers[layer]?.isSliding === true;
}

/** @param places rows of keys and values, of a cache or as many as tokens */
export function attentionShape(
  config: ModelConfig,
  tokens: number,
  places = tokens,
): AttentionShape {
  return {
    queries: tokens,
    keys: places,
    heads: config.numAttentionHeads,
    kvHeads: config.numKeyValueHeads,
    headDim: config.headDim,
    scale: config.attentionScale,
    softcap: config.attentionSoftcap,
  };
}

/** The Hugging Face name of a layer's module. */
export function moduleOf(layer: number, path: string): string {
  return `model.layers.${layer}.${path}`;
}
