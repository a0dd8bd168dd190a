// config.json and generation_config.json, parsed once into the fields the decoder needs.
import { f16ToF32, f32ToBf16, f32ToF16, bf16ToF32 } from "../util/bytes.ts";
import { hasCode } from "../util/errors.ts";
import { architectures, type Architecture } from "./architectures.ts";
import { ConfigFields } from "./config-fields.ts";
import { readLayers } from "./config-layers.ts";
import { readMaxPositions, readRopes, type Ropes } from "./config-rope.ts";
import { shownJson } from "../util/shown.ts";

/** How RoPE's frequencies are changed for longer texts, as transformers' modeling_rope_utils.py has them. */
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
      /** Each frequency is divided by its own factor; cosine and sine are multiplied by attentionFactor (Phi-3). */
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

/** One description for every architecture: engines branch on these fields, never on the architecture's name. */
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
  /** Whether each head's queries and keys go through an RMSNorm (`q_norm`, `k_norm`) before RoPE. */
  hasQkNorm: boolean;
  /** `qkv_proj` and `gate_up_proj` in place of three and two layers (Phi-3). */
  isFused: boolean;
  /** Norms after attention and MLP too, ahead of the residual sum (Gemma 2 and 3). */
  hasSandwichNorms: boolean;
  /** Norms multiply by this plus their weight: 1 for Gemma, else 0. */
  normOffset: 0 | 1;
  activation: "silu" | "gelu-tanh";
  /**
   * What embeddings are multiplied by: 1, or for Gemma the square root of hiddenSize in the precision of the checkpoint, as
   * transformers computes it. Checkpoints on the hub are bfloat16: 25.25 for Gemma-3-270M, whose root is 25.298.
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

/** No released model comes near these; they keep a lying file from asking for absurd memory. */
const limits = {
  vocab_size: 2_000_000,
  hidden_size: 65_536,
  intermediate_size: 524_288,
  num_hidden_layers: 1024,
  num_attention_heads: 1024,
  num_key_value_heads: 1024,
  head_dim: 4096,
} as const;

/**
 * Parses a Hugging Face `config.json` of transformers 4 or 5. Keys that are absent have the defaults of the model's config
 * class. The base model's own dropout is not read: it is off, as in evaluation.
 * @throws UserError "bad-config" or "unsupported-architecture"
 */
export function parseModelConfig(text: string, fileName = "config.json"): ModelConfig {
  return readConfig(ConfigFields.parse(text, fileName), readArithmetic);
}

/**
 * The same for what needs the sizes alone, such as a memory plan: RoPE scaling and activation may be of any kind.
 * @throws UserError "bad-config" or "unsupported-architecture"
 */
export function parseModelSizes(text: string, fileName = "config.json"): ModelConfig {
  return readConfig(ConfigFields.parse(text, fileName), (fields, known, headDim) => {
    try {
      return readArithmetic(fields, known, headDim);
    } catch (error) {
      if (hasCode(error, "unsupported-architecture")) {
        return plainArithmetic(fields, known);
      }
      throw error;
    }
  });
}

/** What changes no tensor and no size. */
type Arithmetic = Ropes & Pick<ModelConfig, "activation">;
type ReadArithmetic = (fields: ConfigFields, known: Architecture, headDim: number) => Arithmetic;

function readConfig(fields: ConfigFields, arithmeticOf: ReadArithmetic): ModelConfig {
  const [architecture, known] = readArchitecture(fields);
  const integer = (key: keyof typeof limits, fallback?: number) =>
    fields.integer(key, limits[key], fallback);
  refuseBiases(fields, known);
  const hiddenSize = integer("hidden_size");
  const numAttentionHeads = integer("num_attention_heads");
  const numHiddenLayers = integer("num_hidden_layers");
  const heads = readHeads(fields, known, hiddenSize, numAttentionHeads);
  const arithmetic = arithmeticOf(fields, known, heads.headDim);
  return {
    architecture,
    vocabSize: integer("vocab_size"),
    hiddenSize,
    intermediateSize: integer("intermediate_size"),
    numHiddenLayers,
    numAttentionHeads,
    ...heads,
    rmsNormEps: fields.positive("rms_norm_eps", known.rmsNormEps),
    ...arithmetic,
    ...readLayers(fields, known, numHiddenLayers, arithmetic.maxPositionEmbeddings),
    hasQkvBias: known.hasQkvBias,
    hasQkNorm: known.hasQkNorm,
    isFused: known.isFused,
    hasSandwichNorms: known.hasSandwichNorms,
    normOffset: known.normOffset,
    embeddingScale: known.hasScaledEmbedding ? rootInPrecision(hiddenSize, fields) : 1,
    attentionScale: 1 / Math.sqrt(readQueryScalar(fields, known, heads.headDim)),
    attentionSoftcap: readSoftcap(fields, "attn_logit_softcapping", known.attentionSoftcap),
    logitSoftcap: readSoftcap(fields, "final_logit_softcapping", known.logitSoftcap),
    tieWordEmbeddings: fields.flag("tie_word_embeddings", known.tieWordEmbeddings),
  };
}

/** The class named, or by the model's type where none is. */
function readArchitecture(fields: ConfigFields): [name: string, known: Architecture] {
  const listed = fields.raw("architectures");
  const modelType = fields.raw("model_type") ?? null;
  const named: unknown = Array.isArray(listed) ? listed[0] : undefined;
  const byType = [...architectures].find(([, known]) => known.modelType === modelType)?.[0];
  const name = named ?? byType ?? modelType ?? "none named";
  const known = typeof name === "string" ? architectures.get(name) : undefined;
  if (typeof name !== "string" || known === undefined) {
    const isVision = name === "Gemma3ForConditionalGeneration" || name === "gemma3";
    const part = isVision ? " with its vision part" : "";
    throw fields.unsupported(`The architecture ${shownJson(name)}${part}`);
  }
  if (modelType !== null && modelType !== known.modelType) {
    throw fields.bad("model_type", modelType, `${JSON.stringify(known.modelType)} for ${name}`);
  }
  return [name, known];
}

/** Switches that would add tensors or show a token those behind it. */
function refuseBiases(fields: ConfigFields, { hasQkvBias }: Architecture): void {
  const switches = ["mlp_bias", "use_bidirectional_attention", "use_mrope"];
  for (const key of hasQkvBias ? switches : ["attention_bias", ...switches]) {
    if (fields.flag(key, false)) {
      throw fields.unsupported(key);
    }
  }
}

function readHeads(
  fields: ConfigFields,
  known: Architecture,
  hiddenSize: number,
  numAttentionHeads: number,
): Pick<ModelConfig, "numKeyValueHeads" | "headDim"> {
  const headDim = fields.integer(
    "head_dim",
    limits.head_dim,
    known.headDim ?? hiddenSize / numAttentionHeads,
  );
  if (headDim % 2 !== 0) {
    throw fields.fault(`its head_dim is ${headDim}, but RoPE needs an even number`);
  }
  // Null means one for each head whatever the class's default.
  const isNull = fields.raw("num_key_value_heads") === null;
  const numKeyValueHeads = fields.integer(
    "num_key_value_heads",
    limits.num_key_value_heads,
    isNull ? numAttentionHeads : (known.numKeyValueHeads ?? numAttentionHeads),
  );
  if (numAttentionHeads % numKeyValueHeads !== 0) {
    throw fields.fault(
      `${numAttentionHeads} attention heads do not divide into ${numKeyValueHeads} key/value heads`,
    );
  }
  return { numKeyValueHeads, headDim };
}

function readArithmetic(fields: ConfigFields, known: Architecture, headDim: number): Arithmetic {
  return {
    ...readRopes(fields, known, headDim),
    activation: readActivation(fields, known),
  };
}

function plainArithmetic(fields: ConfigFields, known: Architecture): Arithmetic {
  const plain = (theta: number) => ({ theta, scaling: null });
  return {
    rope: plain(known.ropeTheta),
    slidingRope: plain(known.slidingRopeTheta ?? known.ropeTheta),
    maxPositionEmbeddings: readMaxPositions(fields, known),
    activation: "silu",
  };
}

/** By transformers' names (activations.py). */
function readActivation(
  fields: ConfigFields,
  { activationKey, activation }: Architecture,
): ModelConfig["activation"] {
  const name = fields.raw(activationKey) ?? activation;
  switch (name) {
    case "silu":
    case "swish":
      return "silu";
    case "gelu_pytorch_tanh":
    case "gelu_new":
      return "gelu-tanh";
    default:
      throw fields.unsupported(`The activation ${shownJson(name)}`);
  }
}

function readQueryScalar(
  fields: ConfigFields,
  { queryScalar }: Architecture,
  headDim: number,
): number {
  return queryScalar === null ? headDim : fields.positive("query_pre_attn_scalar", queryScalar);
}

/** @param usual undefined where the class computes no such cap: then there must be none */
function readSoftcap(
  fields: ConfigFields,
  key: string,
  usual: number | null | undefined,
): number | null {
  const given = fields.raw(key);
  if (usual === undefined) {
    if ((given ?? null) !== null) {
      throw fields.unsupported(key);
    }
    return null;
  }
  return given === null || (given === undefined && usual === null)
    ? null
    : fields.positive(key, usual ?? undefined);
}

/** bfloat16 where the file names no other: what Gemma was trained with. */
function rootInPrecision(hiddenSize: number, fields: ConfigFields): number {
  const dtype = fields.raw("dtype") ?? fields.raw("torch_dtype");
  const root = Float32Array.of(Math.sqrt(hiddenSize));
  const rounded =
    dtype === "float32"
      ? root
      : dtype === "float16"
        ? f16ToF32(f32ToF16(root))
        : bf16ToF32(f32ToBf16(root));
  return rounded[0] ?? NaN;
}

/** Token ids that end a text: `eos_token_id` of generation_config.json, else of config.json; a number or a list. */
export function parseStopTokens(configText: string, generationText: string | null): number[] {
  const files = [
    ["generation_config.json", generationText ?? "{}"],
    ["config.json", configText],
  ] as const;
  for (const [fileName, text] of files) {
    const fields = ConfigFields.parse(text, fileName);
    const value = fields.raw("eos_token_id") ?? null;
    if (value !== null) {
      return readTokenIds(value, fields);
    }
  }
  return [];
}

function readTokenIds(value: unknown, fields: ConfigFields): number[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((id) => {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0) {
      throw fields.fault(`its eos_token_id holds ${shownJson(id)}`);
    }
    return id;
  });
}
