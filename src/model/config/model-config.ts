// ModelConfig: one description of a decoder for every architecture.
/**
 * How RoPE's frequencies are changed for longer texts, as transformers' modeling_rope_utils.py has
 * them.
 */
export type RopeScaling =
  | { kind: "linear"; factor: number }
  | {
      kind: "llama3";
      factor: number;
      lowFreqFactor: number;
      highFreqFactor: number;
      originalMaxPositionEmbeddings: number;
    }
  | {
      /**
       * Each frequency is divided by its own factor; cosine and sine are multiplied by
       * attentionFactor (Phi-3).
       */
      kind: "factors";
      /** headDim / 2 */
      factors: readonly number[];
      attentionFactor: number;
      /** Longer texts would need other factors. */
      originalMaxPositionEmbeddings: number;
    };

export interface Rope {
  theta: number;
  scaling: RopeScaling | null;
}

export interface LayerKind {
  /** Attends to the last `slidingWindow` tokens only, and turns by `slidingRope`. */
  isSliding: boolean;
  /** Whether queries and keys are turned at all; not so in some layers of SmolLM3. */
  hasRope: boolean;
}

/**
 * One description for every architecture: engines branch on these fields, never on the
 * architecture's name.
 */
export interface ModelConfig {
  /** Hugging Face class name, e.g. `LlamaForCausalLM`. */
  architecture: string;
  vocabSize: number;
  hiddenSize: number;
  intermediateSize: number;
  numHiddenLayers: number;
  numAttentionHeads: number;
  numKeyValueHeads: number;
  headDim: number;
  rmsNormEps: number;
  rope: Rope;
  /** Of sliding layers; the same as `rope` in most models. */
  slidingRope: Rope;
  /** Tokens a sliding layer sees, its own included; null when no layer slides. */
  slidingWindow: number | null;
  /** One for each layer. */
  layers: readonly LayerKind[];
  /** Whether q_proj, k_proj and v_proj add a bias. */
  hasQkvBias: boolean;
  /**
   * Whether each head's queries and keys go through an RMSNorm (`q_norm`, `k_norm`) before RoPE.
   */
  hasQkNorm: boolean;
  /** `qkv_proj` and `gate_up_proj` in place of three and two layers (Phi-3). */
  isFused: boolean;
  /** Norms after attention and MLP too, ahead of the residual sum (Gemma 2 and 3). */
  hasSandwichNorms: boolean;
  /** Norms multiply by this plus their weight: 1 for Gemma, else 0. */
  normOffset: 0 | 1;
  activation: "silu" | "gelu-tanh";
  /**
   * What embeddings are multiplied by: 1, or for Gemma the square root of hiddenSize in the
   * precision of the checkpoint, as transformers computes it. Checkpoints on the hub are bfloat16:
   * 25.25 for Gemma-3-270M, whose root is 25.298.
   */
  embeddingScale: number;
  /** What attention scores are multiplied by, 1 / sqrt(headDim) as a rule. */
  attentionScale: number;
  /** Scores become cap * tanh(score / cap) ahead of the mask (Gemma 2); null for none. */
  attentionSoftcap: number | null;
  /** The same for logits. */
  logitSoftcap: number | null;
  /** Longest sequence the model was made for, in tokens. */
  maxPositionEmbeddings: number;
  tieWordEmbeddings: boolean;
}
