// ModelConfig: the description of a decoder, common to all architectures.
/** How RoPE frequencies are scaled for longer texts, as in transformers' modeling_rope_utils.py. */
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
      /** Slow pairs are divided by factor, fast ones kept; a ramp over the pairs lies between. */
      kind: "yarn";
      factor: number;
      /** Rotations within the original length at which the ramp begins and ends. */
      betaFast: number;
      betaSlow: number;
      /** Whether the ramp begins and ends at whole pairs. */
      isTruncated: boolean;
      /** Factor of cosine and sine. */
      attentionFactor: number;
      originalMaxPositionEmbeddings: number;
    }
  | {
      /**
       * Each frequency has a separate divisor; cosine and sine are multiplied by attentionFactor
       * (longrope of Phi-3).
       */
      kind: "factors";
      /** headDim / 2 */
      factors: readonly number[];
      attentionFactor: number;
      /** Longer texts need other factors. */
      originalMaxPositionEmbeddings: number;
    };

export interface Rope {
  theta: number;
  scaling: RopeScaling | null;
}

export interface LayerKind {
  /** Attends to the last `slidingWindow` tokens only, and rotates by `slidingRope`. */
  isSliding: boolean;
  /** Whether queries and keys are rotated; false in some layers of SmolLM3. */
  hasRope: boolean;
}

/**
 * The description of a decoder. Engines branch on these fields, never on the name of the
 * architecture.
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
  /** RoPE of sliding layers; equal to `rope` in most models. */
  slidingRope: Rope;
  /** Tokens that a sliding layer sees, the query included; null without sliding layers. */
  slidingWindow: number | null;
  /** One entry per layer. */
  layers: readonly LayerKind[];
  /** Whether q_proj, k_proj and v_proj add a bias. */
  hasQkvBias: boolean;
  /**
   * Whether each head's queries and keys go through an RMSNorm (`q_norm`, `k_norm`) before RoPE.
   */
  hasQkNorm: boolean;
  /** `qkv_proj` and `gate_up_proj` in place of three and two layers (Phi-3). */
  isFused: boolean;
  /** Norms after attention and MLP too, before the residual sum (Gemma 2 and 3). */
  hasSandwichNorms: boolean;
  /** Norms multiply by normOffset + weight: 1 for Gemma, else 0. */
  normOffset: 0 | 1;
  activation: "silu" | "gelu-tanh";
  /**
   * Factor of the embeddings: 1, or for Gemma the square root of hiddenSize, rounded to the
   * precision of the checkpoint as transformers does. Checkpoints on the hub are bfloat16: 25.25
   * for Gemma-3-270M, where the root is 25.298.
   */
  embeddingScale: number;
  /** Factor of attention scores, usually 1 / sqrt(headDim). */
  attentionScale: number;
  /** Scores become cap * tanh(score / cap) before the mask (Gemma 2); null for none. */
  attentionSoftcap: number | null;
  /** The same for logits. */
  logitSoftcap: number | null;
  /** Longest sequence that the model supports, in tokens. */
  maxPositionEmbeddings: number;
  tieWordEmbeddings: boolean;
}
