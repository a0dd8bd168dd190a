// Converts GGUF metadata to the fields of a Hugging Face config.json, so that one parser checks all
// models. Sources: ggml-org/llama.cpp conversion/*.py for the keys, src/models/*.cpp for their
// defaults; transformers' configuration_*.py for the fields.
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";
import { unsupportedModel, type GgufArchitecture } from "./architecture.ts";
import type { Metadata } from "./metadata.ts";
import { ropeScalingOf, type RopeTensors } from "./rope.ts";

/** Facts about the tensors that a config depends on. */
export interface TensorFacts extends RopeTensors {
  /** Rows of the embedding. */
  vocabSize: number;
  hasHead: boolean;
  hasAttentionBias: boolean;
  hasMlpBias: boolean;
}

export type ConfigFields = Record<string, unknown>;

/**
 * @throws UserError "bad-config" naming a missing or wrong key; "unsupported-architecture" for
 * models that no config describes
 */
export function configOf(
  metadata: Metadata,
  architecture: GgufArchitecture,
  tensors: TensorFacts,
): ConfigFields {
  const { name: prefix, hfClass, modelType } = architecture;
  const own = (key: string) => `${prefix}.${key}`;
  refuseExperts(metadata, prefix);
  const hiddenSize = metadata.requiredCount(own("embedding_length"));
  const heads = metadata.requiredCount(own("attention.head_count"));
  const headDim = readHeadDim(metadata, prefix, hiddenSize / heads);
  const theta = metadata.float(own("rope.freq_base")) ?? 10_000;
  const sizes: Sizes = {
    hiddenSize,
    heads,
    headDim,
    layers: readLayers(metadata, own("block_count")),
  };
  return {
    architectures: [hfClass],
    model_type: modelType,
    vocab_size: tensors.vocabSize,
    hidden_size: hiddenSize,
    intermediate_size: metadata.requiredCount(own("feed_forward_length")),
    num_hidden_layers: sizes.layers,
    num_attention_heads: heads,
    num_key_value_heads: metadata.count(own("attention.head_count_kv")) ?? heads,
    head_dim: headDim,
    rms_norm_eps: metadata.requiredFloat(own("attention.layer_norm_rms_epsilon")),
    rope_theta: theta,
    rope_scaling: ropeScalingOf(metadata, prefix, tensors, theta),
    max_position_embeddings: metadata.requiredCount(own("context_length")),
    tie_word_embeddings: !tensors.hasHead,
    hidden_act: "silu",
    // Qwen 2 always has them, and no such field.
    ...(tensors.hasAttentionBias && prefix !== "qwen2" && { attention_bias: true }),
    ...(tensors.hasMlpBias && { mlp_bias: true }),
    ...ownFields(metadata, prefix, sizes),
    ...tokenIds(metadata),
  };
}

/** No released model comes near it. The config has lists with an entry per layer. */
const maxLayers = 1024;

function readLayers(metadata: Metadata, key: string): number {
  const layers = metadata.requiredCount(key);
  if (layers > maxLayers) {
    throw metadata.fault(key, `It is ${layers}; the limit is ${maxLayers}.`);
  }
  return layers;
}

interface Sizes {
  hiddenSize: number;
  heads: number;
  headDim: number;
  layers: number;
}

/** The fields in which this architecture differs. */
function ownFields(metadata: Metadata, prefix: string, sizes: Sizes): ConfigFields {
  switch (prefix) {
    case "llama":
      return slidingLlama(metadata);
    case "qwen2":
      return { use_sliding_window: false };
    case "smollm3":
      // The file does not name them; llama.cpp uses every fourth layer (src/models/smollm3.cpp).
      return { no_rope_layer_interval: 4, no_rope_layers: everyNth(sizes.layers, 4, 1, 0) };
    case "gemma2":
      return gemma2Fields(metadata, sizes);
    case "gemma3":
      return gemma3Fields(metadata, sizes);
    case "phi3":
      return phi3Fields(metadata, sizes);
    default:
      return {};
  }
}

/** Mistral models have the architecture llama too; only the sliding window distinguishes them. */
function slidingLlama(metadata: Metadata): ConfigFields {
  const tokens = metadata.count("llama.attention.sliding_window") ?? 0;
  return tokens === 0
    ? {}
    : { architectures: ["MistralForCausalLM"], model_type: "mistral", sliding_window: tokens };
}

function gemma2Fields(metadata: Metadata, sizes: Sizes): ConfigFields {
  return {
    ...gemmaFields(sizes, 46),
    attn_logit_softcapping: metadata.float("gemma2.attn_logit_softcapping") ?? 50,
    final_logit_softcapping: metadata.float("gemma2.final_logit_softcapping") ?? 30,
    sliding_window: metadata.count("gemma2.attention.sliding_window") ?? 4096,
    layer_types: everyNth(sizes.layers, 2, "sliding_attention", "full_attention"),
  };
}

function gemma3Fields(metadata: Metadata, sizes: Sizes): ConfigFields {
  const tokens = metadata.count("gemma3.attention.sliding_window") ?? 0;
  const softcap = metadata.float("gemma3.final_logit_softcapping");
  const period = metadata.count("gemma3.attention.sliding_window_pattern") ?? 6;
  return {
    ...gemmaFields(sizes, 62),
    attn_logit_softcapping: null,
    final_logit_softcapping: softcap ?? null,
    rope_local_base_freq: metadata.float("gemma3.rope.freq_base_swa") ?? 10_000,
    sliding_window: tokens === 0 ? null : tokens,
    layer_types: everyNth(
      sizes.layers,
      tokens === 0 ? 1 : period,
      "sliding_attention",
      "full_attention",
    ),
  };
}

/**
 * The 27B models, recognised by their number of layers, scale attention by hiddenSize / heads and
 * not by the head size.
 */
function gemmaFields({ layers, hiddenSize, heads, headDim }: Sizes, layersOf27B: number) {
  return {
    hidden_activation: "gelu_pytorch_tanh",
    query_pre_attn_scalar: layers === layersOf27B ? hiddenSize / heads : headDim,
  };
}

function phi3Fields(metadata: Metadata, { headDim }: Sizes): ConfigFields {
  const tokens = metadata.count("phi3.attention.sliding_window") ?? 0;
  const original = metadata.count("phi3.rope.scaling.original_context_length");
  const rotary = metadata.count("phi3.rope.dimension_count") ?? headDim;
  return {
    sliding_window: tokens === 0 ? null : tokens,
    ...(original !== undefined && { original_max_position_embeddings: original }),
    ...(rotary !== headDim && { partial_rotary_factor: rotary / headDim }),
  };
}

/** `last` for every nth layer, `other` for the rest. */
function everyNth<T>(layers: number, n: number, other: T, last: T): T[] {
  return Array.from({ length: layers }, (_, layer) => ((layer + 1) % n === 0 ? last : other));
}

function readHeadDim(metadata: Metadata, prefix: string, fallback: number): number {
  const key = `${prefix}.attention.key_length`;
  const rotaryKey = `${prefix}.rope.dimension_count`;
  const rotary = metadata.count(rotaryKey);
  const stated = metadata.count(key) ?? (prefix === "phi3" ? undefined : rotary);
  const headDim = stated ?? fallback;
  if (!Number.isInteger(headDim) || headDim < 1) {
    throw metadata.fault(key, `The head size would be ${headDim}.`);
  }
  const valueLength = metadata.count(`${prefix}.attention.value_length`) ?? headDim;
  if (valueLength !== headDim) {
    throw metadata.fault(
      key,
      `Keys have ${headDim} dimensions and values ${valueLength}; they must be equal.`,
    );
  }
  if (prefix !== "phi3" && rotary !== undefined && rotary !== headDim) {
    throw metadata.fault(
      rotaryKey,
      `RoPE rotates only ${rotary} of ${headDim} dimensions of a head.`,
    );
  }
  return headDim;
}

function refuseExperts(metadata: Metadata, prefix: string): void {
  const experts = metadata.count(`${prefix}.expert_count`) ?? 0;
  if (experts > 0) {
    throw unsupportedModel(
      `It is a mixture of ${experts} experts, which is not supported.`,
      metadata.fileName,
    );
  }
}

function tokenIds(metadata: Metadata): ConfigFields {
  const ids = { bos_token_id: "bos", eos_token_id: "eos", pad_token_id: "padding" };
  return Object.fromEntries(
    Object.entries(ids).flatMap(([field, name]) => {
      const id = metadata.count(`tokenizer.ggml.${name}_token_id`);
      return id === undefined ? [] : [[field, id]];
    }),
  );
}

/** The error for a missing tensor that every model needs. */
export function missingTensor(name: string, fileName: string): UserError {
  return new UserError("missing-tensor", `The file has no tensor ${shortJson(name)}.`, {
    where: fileName,
    remedy: "Choose a GGUF file that contains a complete language model.",
  });
}
