// The supported architectures as data: defaults of each Hugging Face class (transformers 5.24,
// configuration_*.py) and what it computes differently (modeling_*.py).

/** The layers that attend to the sliding window only. */
export type SlidingLayers =
  | "none"
  | "all"
  /** Layers from `max_window_layers` on, and only with `use_sliding_window`. */
  | "upper"
  /** Layers without RoPE, and only with `use_sliding_window`. */
  | "without-rope"
  /** All layers but every n-th. */
  | { allBut: number };

export interface Architecture {
  modelType: string;
  /** For display: the models of this class. */
  models: string;

  // Defaults where config.json has no such key. Null stands for "as many as heads",
  // "hidden_size / heads", "none".
  numKeyValueHeads: number | null;
  headDim: number | null;
  maxPositionEmbeddings: number;
  /** Longest text without `longrope`; null where the class has no such key. */
  originalMaxPositionEmbeddings: number | null;
  rmsNormEps: number;
  ropeTheta: number;
  /** Of sliding layers; null where all layers share one RoPE. */
  slidingRopeTheta: number | null;
  slidingWindow: number | null;
  tieWordEmbeddings: boolean;
  activationKey: "hidden_act" | "hidden_activation";
  activation: "silu" | "gelu_pytorch_tanh";

  slidingLayers: SlidingLayers;
  /**
   * Every n-th layer has no RoPE unless config.json says otherwise; null where all layers have it.
   */
  noRopeInterval: number | null;
  hasQkvBias: boolean;
  hasQkNorm: boolean;
  isFused: boolean;
  hasSandwichNorms: boolean;
  normOffset: 0 | 1;
  /** Embeddings are multiplied by sqrt(hidden_size) in the precision of the weights. */
  hasScaledEmbedding: boolean;
  /** Default of `query_pre_attn_scalar`; null where scores are divided by sqrt(headDim). */
  queryScalar: number | null;
  /** Default of `attn_logit_softcapping`; undefined where the class computes none. */
  attentionSoftcap: number | null | undefined;
  /** The same of `final_logit_softcapping`. */
  logitSoftcap: number | null | undefined;
}

const llama: Architecture = {
  modelType: "llama",
  models: "Llama, SmolLM2, TinyLlama",
  numKeyValueHeads: null,
  headDim: null,
  maxPositionEmbeddings: 2048,
  originalMaxPositionEmbeddings: null,
  rmsNormEps: 1e-6,
  ropeTheta: 10_000,
  slidingRopeTheta: null,
  slidingWindow: null,
  tieWordEmbeddings: false,
  activationKey: "hidden_act",
  activation: "silu",
  slidingLayers: "none",
  noRopeInterval: null,
  hasQkvBias: false,
  hasQkNorm: false,
  isFused: false,
  hasSandwichNorms: false,
  normOffset: 0,
  hasScaledEmbedding: false,
  queryScalar: null,
  attentionSoftcap: undefined,
  logitSoftcap: undefined,
};

const qwen2: Architecture = {
  ...llama,
  modelType: "qwen2",
  models: "Qwen2, Qwen2.5",
  numKeyValueHeads: 32,
  maxPositionEmbeddings: 32_768,
  slidingWindow: 4096,
  slidingLayers: "upper",
  hasQkvBias: true,
};

const gemma2: Architecture = {
  ...llama,
  modelType: "gemma2",
  models: "Gemma 2",
  numKeyValueHeads: 4,
  headDim: 256,
  maxPositionEmbeddings: 8192,
  slidingWindow: 4096,
  tieWordEmbeddings: true,
  activationKey: "hidden_activation",
  activation: "gelu_pytorch_tanh",
  slidingLayers: { allBut: 2 },
  hasSandwichNorms: true,
  normOffset: 1,
  hasScaledEmbedding: true,
  queryScalar: 256,
  attentionSoftcap: 50,
  logitSoftcap: 30,
};

/** By Hugging Face class name. */
export const architectures: ReadonlyMap<string, Architecture> = new Map([
  ["LlamaForCausalLM", llama],
  [
    "MistralForCausalLM",
    {
      ...llama,
      modelType: "mistral",
      models: "Mistral",
      numKeyValueHeads: 8,
      maxPositionEmbeddings: 131_072,
      slidingWindow: 4096,
      slidingLayers: "all",
    },
  ],
  ["Qwen2ForCausalLM", qwen2],
  [
    "Qwen3ForCausalLM",
    {
      ...qwen2,
      modelType: "qwen3",
      models: "Qwen3",
      headDim: 128,
      hasQkvBias: false,
      hasQkNorm: true,
    },
  ],
  [
    "SmolLM3ForCausalLM",
    {
      ...llama,
      modelType: "smollm3",
      models: "SmolLM3",
      numKeyValueHeads: 4,
      maxPositionEmbeddings: 32_768,
      ropeTheta: 2_000_000,
      tieWordEmbeddings: true,
      slidingLayers: "without-rope",
      noRopeInterval: 4,
    },
  ],
  ["Gemma2ForCausalLM", gemma2],
  [
    "Gemma3ForCausalLM",
    {
      ...gemma2,
      modelType: "gemma3_text",
      models: "Gemma 3, text only: 270M and 1B",
      maxPositionEmbeddings: 131_072,
      ropeTheta: 1_000_000,
      slidingRopeTheta: 10_000,
      slidingLayers: { allBut: 6 },
      hasQkNorm: true,
      attentionSoftcap: undefined,
      logitSoftcap: null,
    },
  ],
  [
    "Phi3ForCausalLM",
    {
      ...llama,
      modelType: "phi3",
      models: "Phi-3",
      maxPositionEmbeddings: 4096,
      originalMaxPositionEmbeddings: 4096,
      rmsNormEps: 1e-5,
      slidingLayers: "all",
      isFused: true,
    },
  ],
]);

/** The list for error messages. */
export const supportedModels = [...architectures]
  .map(([name, { models }]) => `${name} (${models})`)
  .join(", ");
