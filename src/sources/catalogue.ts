// The catalogue of suggested models as plain data: it is shown, and the memory of each model is
// planned, before any request.

export interface CatalogueModel {
  /** `org/name` on the Hub, at its default branch. */
  readonly name: string;
  /** Licence id of the model card. */
  readonly licence: string;
  /** Whether the hub wants a licence accepted and a token. */
  readonly isGated: boolean;
  readonly parameters: number;
  /** Approximate size of weights and tokenizer. */
  readonly downloadBytes: number;
  /** The fields of its config.json that determine sizes. */
  readonly config: Readonly<Record<string, unknown>>;
}

const smolLm2 = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_act: "silu",
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  vocab_size: 49152,
};

const qwen3 = {
  architectures: ["Qwen3ForCausalLM"],
  model_type: "qwen3",
  attention_bias: false,
  head_dim: 128,
  hidden_act: "silu",
  max_position_embeddings: 40960,
  num_attention_heads: 16,
  num_hidden_layers: 28,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  tie_word_embeddings: true,
  use_sliding_window: false,
  vocab_size: 151936,
};

const llama3 = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  attention_bias: false,
  hidden_act: "silu",
  max_position_embeddings: 131072,
  mlp_bias: false,
  num_key_value_heads: 8,
  rms_norm_eps: 1e-5,
  rope_theta: 500_000,
  vocab_size: 128256,
};

const llama3Scaling = (factor: number) => ({
  factor,
  high_freq_factor: 4,
  low_freq_factor: 1,
  original_max_position_embeddings: 8192,
  rope_type: "llama3",
});

const gemma3 = {
  architectures: ["Gemma3ForCausalLM"],
  model_type: "gemma3_text",
  attention_bias: false,
  head_dim: 256,
  hidden_activation: "gelu_pytorch_tanh",
  max_position_embeddings: 32768,
  num_attention_heads: 4,
  num_key_value_heads: 1,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_local_base_freq: 10_000,
  rope_theta: 1_000_000,
  sliding_window: 512,
  sliding_window_pattern: 6,
  tie_word_embeddings: true,
  vocab_size: 262144,
};

/**
 * Smallest first. Sizes are those of each model's config.json. `parameters` is what transformers
 * 5.23 counts in a model of this config, with tied tensors counted once. `downloadBytes` is 2 bytes
 * per stored value (Qwen3 stores its tied head too; 4.5 bits with groups of 64 for the quantised
 * one) plus the tokenizer's files; the hub reports the exact size when the model is opened.
 */
export const catalogue: readonly CatalogueModel[] = [
  {
    name: "HuggingFaceTB/SmolLM2-135M-Instruct",
    licence: "apache-2.0",
    isGated: false,
    parameters: 134_515_008,
    downloadBytes: 271e6,
    config: {
      ...smolLm2,
      hidden_size: 576,
      intermediate_size: 1536,
      num_attention_heads: 9,
      num_hidden_layers: 30,
      num_key_value_heads: 3,
      rope_theta: 100_000,
    },
  },
  {
    name: "google/gemma-3-270m-it",
    licence: "gemma",
    isGated: true,
    parameters: 268_098_176,
    downloadBytes: 570e6,
    config: { ...gemma3, hidden_size: 640, intermediate_size: 2048, num_hidden_layers: 18 },
  },
  {
    name: "HuggingFaceTB/SmolLM2-360M-Instruct",
    licence: "apache-2.0",
    isGated: false,
    parameters: 361_821_120,
    downloadBytes: 726e6,
    config: {
      ...smolLm2,
      hidden_size: 960,
      intermediate_size: 2560,
      num_attention_heads: 15,
      num_hidden_layers: 32,
      num_key_value_heads: 5,
      rope_theta: 100_000,
    },
  },
  {
    name: "Qwen/Qwen2.5-0.5B-Instruct",
    licence: "apache-2.0",
    isGated: false,
    parameters: 494_032_768,
    downloadBytes: 999e6,
    config: {
      architectures: ["Qwen2ForCausalLM"],
      model_type: "qwen2",
      hidden_act: "silu",
      hidden_size: 896,
      intermediate_size: 4864,
      max_position_embeddings: 32768,
      num_attention_heads: 14,
      num_hidden_layers: 24,
      num_key_value_heads: 2,
      rms_norm_eps: 1e-6,
      rope_theta: 1_000_000,
      tie_word_embeddings: true,
      use_sliding_window: false,
      vocab_size: 151936,
    },
  },
  {
    name: "Qwen/Qwen3-0.6B",
    licence: "apache-2.0",
    isGated: false,
    parameters: 596_049_920,
    downloadBytes: 1.52e9,
    config: { ...qwen3, hidden_size: 1024, intermediate_size: 3072 },
  },
  {
    name: "google/gemma-3-1b-it",
    licence: "gemma",
    isGated: true,
    parameters: 999_885_952,
    downloadBytes: 2.04e9,
    config: { ...gemma3, hidden_size: 1152, intermediate_size: 6912, num_hidden_layers: 26 },
  },
  {
    name: "meta-llama/Llama-3.2-1B-Instruct",
    licence: "llama3.2",
    isGated: true,
    parameters: 1_235_814_400,
    downloadBytes: 2.48e9,
    config: {
      ...llama3,
      head_dim: 64,
      hidden_size: 2048,
      intermediate_size: 8192,
      num_attention_heads: 32,
      num_hidden_layers: 16,
      rope_scaling: llama3Scaling(32),
      tie_word_embeddings: true,
    },
  },
  {
    name: "HuggingFaceTB/SmolLM2-1.7B-Instruct",
    licence: "apache-2.0",
    isGated: false,
    parameters: 1_711_376_384,
    downloadBytes: 3.43e9,
    config: {
      ...smolLm2,
      hidden_size: 2048,
      intermediate_size: 8192,
      num_attention_heads: 32,
      num_hidden_layers: 24,
      num_key_value_heads: 32,
      rope_theta: 130_000,
    },
  },
  {
    name: "Qwen/Qwen3-1.7B",
    licence: "apache-2.0",
    isGated: false,
    parameters: 1_720_574_976,
    downloadBytes: 4.08e9,
    config: { ...qwen3, hidden_size: 2048, intermediate_size: 6144 },
  },
  {
    name: "meta-llama/Llama-3.2-3B-Instruct",
    licence: "llama3.2",
    isGated: true,
    parameters: 3_212_749_824,
    downloadBytes: 6.44e9,
    config: {
      ...llama3,
      head_dim: 128,
      hidden_size: 3072,
      intermediate_size: 8192,
      num_attention_heads: 24,
      num_hidden_layers: 28,
      rope_scaling: llama3Scaling(32),
      tie_word_embeddings: true,
    },
  },
  {
    name: "mlx-community/Meta-Llama-3.1-8B-Instruct-4bit",
    licence: "llama3.1",
    isGated: false,
    parameters: 8_030_261_248,
    downloadBytes: 4.53e9,
    config: {
      ...llama3,
      hidden_size: 4096,
      intermediate_size: 14336,
      num_attention_heads: 32,
      num_hidden_layers: 32,
      quantization: { bits: 4, group_size: 64 },
      rope_scaling: llama3Scaling(8),
      tie_word_embeddings: false,
    },
  },
];
