// config.json and generation_config.json, parsed once into the fields the decoder needs.
import { UserError } from "../util/errors.ts";

/** How RoPE's frequencies are changed for longer texts, as transformers' modeling_rope_utils.py has them. */
export type RopeScaling =
  | { kind: "linear"; factor: number }
  | {
      kind: "llama3";
      factor: number;
      lowFreqFactor: number;
      highFreqFactor: number;
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
  /** What embeddings are multiplied by: the rounded square root of hiddenSize for Gemma, else 1. */
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

const supported = ["LlamaForCausalLM"];
const supportedText = "LlamaForCausalLM (Llama, SmolLM2, TinyLlama)";

/** No released model comes near these; they keep a lying file from asking for absurd memory. */
const limits = {
  vocab_size: 2_000_000,
  hidden_size: 65_536,
  intermediate_size: 524_288,
  num_hidden_layers: 1024,
  num_attention_heads: 1024,
  num_key_value_heads: 1024,
  head_dim: 4096,
  max_position_embeddings: 100_000_000,
} as const;

type Fields = Record<string, unknown>;

/**
 * Parses a Hugging Face `config.json` (both generations: `rope_theta` or `rope_parameters.rope_theta`).
 * @throws UserError "bad-config" or "unsupported-architecture"
 */
export function parseModelConfig(text: string, fileName = "config.json"): ModelConfig {
  const fields = parseObject(text, fileName);
  const config = readConfig(fields, fileName);
  refuseArithmetic(fields, fileName);
  return config;
}

/**
 * The same for what needs the sizes alone, such as a memory plan: RoPE scaling and activation may be of any kind.
 * @throws UserError "bad-config" or "unsupported-architecture"
 */
export function parseModelSizes(text: string, fileName = "config.json"): ModelConfig {
  return readConfig(parseObject(text, fileName), fileName);
}

function readConfig(fields: Fields, fileName: string): ModelConfig {
  const architecture = readArchitecture(fields, fileName);
  const integer = (key: keyof typeof limits, fallback?: number) =>
    readInteger(fields, key, fileName, fallback);
  const hiddenSize = integer("hidden_size");
  const numAttentionHeads = integer("num_attention_heads");
  const numHiddenLayers = integer("num_hidden_layers");
  const headDim = integer("head_dim", hiddenSize / numAttentionHeads);
  const rope = { theta: readRopeTheta(fields, fileName), scaling: null };
  const config: ModelConfig = {
    architecture,
    vocabSize: integer("vocab_size"),
    hiddenSize,
    intermediateSize: integer("intermediate_size"),
    numHiddenLayers,
    numAttentionHeads,
    numKeyValueHeads: integer("num_key_value_heads", numAttentionHeads),
    headDim,
    rmsNormEps: readPositive(fields["rms_norm_eps"] ?? 1e-6, "rms_norm_eps", fileName),
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
    maxPositionEmbeddings: integer("max_position_embeddings", 2048),
    tieWordEmbeddings: fields["tie_word_embeddings"] === true,
  };
  refuseShapes(fields, config, fileName);
  return config;
}

/** Token ids that end a text: `eos_token_id` of generation_config.json, else of config.json; a number or a list. */
export function parseStopTokens(configText: string, generationText: string | null): number[] {
  const files = [
    ["generation_config.json", generationText ?? "{}"],
    ["config.json", configText],
  ] as const;
  for (const [fileName, text] of files) {
    const value = parseObject(text, fileName)["eos_token_id"] ?? null;
    if (value !== null) {
      return readTokenIds(value, fileName);
    }
  }
  return [];
}

function readTokenIds(value: unknown, fileName: string): number[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((id) => {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0) {
      throw badConfig(fileName, `its eos_token_id holds ${JSON.stringify(id)}`);
    }
    return id;
  });
}

function parseObject(text: string, fileName: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badConfig(fileName, `it is not JSON (${(error as Error).message})`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badConfig(fileName, "it is not a JSON object");
  }
  return value as Fields;
}

function readArchitecture(fields: Fields, fileName: string): string {
  const listed = fields["architectures"];
  const name: unknown = Array.isArray(listed) ? listed[0] : undefined;
  const isLlamaByType = name === undefined && fields["model_type"] === "llama";
  const architecture = isLlamaByType ? "LlamaForCausalLM" : name;
  if (typeof architecture === "string" && supported.includes(architecture)) {
    return architecture;
  }
  const shown = JSON.stringify(architecture ?? fields["model_type"] ?? "none named");
  throw unsupported(fileName, `The architecture ${shown} is not supported`);
}

/** What the decoder would compute another way; the tensors are the same. */
function refuseArithmetic(fields: Fields, fileName: string): void {
  for (const key of ["rope_scaling", "rope_parameters"]) {
    const ropeType = ropeTypeOf(fields[key]);
    if (ropeType !== "default") {
      throw unsupported(fileName, `RoPE scaling ${JSON.stringify(ropeType)} is not supported`);
    }
  }
  if ((fields["hidden_act"] ?? "silu") !== "silu") {
    throw unsupported(
      fileName,
      `The activation ${JSON.stringify(fields["hidden_act"])} is not supported`,
    );
  }
}

function refuseShapes(fields: Fields, config: ModelConfig, fileName: string): void {
  for (const key of ["attention_bias", "mlp_bias"]) {
    if (fields[key] === true) {
      throw unsupported(fileName, `${key} is not supported`);
    }
  }
  if (config.numAttentionHeads % config.numKeyValueHeads !== 0) {
    throw badConfig(
      fileName,
      `${config.numAttentionHeads} attention heads do not divide into ${config.numKeyValueHeads} key/value heads`,
    );
  }
  if (config.headDim % 2 !== 0) {
    throw badConfig(fileName, `its head_dim is ${config.headDim}, but RoPE needs an even number`);
  }
}

function ropeTypeOf(scaling: unknown): string {
  if (typeof scaling !== "object" || scaling === null) {
    return "default";
  }
  const { rope_type: current, type: older } = scaling as Fields;
  const name = current ?? older ?? "default";
  return typeof name === "string" ? name : JSON.stringify(name);
}

function readRopeTheta(fields: Fields, fileName: string): number {
  const nested = fields["rope_parameters"];
  const inner =
    typeof nested === "object" && nested !== null ? (nested as Fields)["rope_theta"] : undefined;
  return readPositive(fields["rope_theta"] ?? inner ?? 10_000, "rope_theta", fileName);
}

function readInteger(
  fields: Fields,
  key: keyof typeof limits,
  fileName: string,
  fallback?: number,
): number {
  const value = fields[key] ?? fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > limits[key]) {
    throw badConfig(
      fileName,
      `its ${key} is ${JSON.stringify(value)}, but must be a whole number from 1 to ${limits[key]}`,
    );
  }
  return value;
}

function readPositive(value: unknown, key: string, fileName: string): number {
  if (typeof value !== "number" || !(value > 0) || !Number.isFinite(value)) {
    throw badConfig(fileName, `its ${key} is ${JSON.stringify(value)}, but must be above zero`);
  }
  return value;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function badConfig(fileName: string, fault: string): UserError {
  return new UserError("bad-config", `${capital(fault)}.`, {
    where: fileName,
    remedy: "Choose the model's files again, as they are on Hugging Face. Nothing was loaded.",
  });
}

function unsupported(fileName: string, fault: string): UserError {
  return new UserError("unsupported-architecture", `${fault}.`, {
    where: fileName,
    remedy: `Choose a model of a supported kind: ${supportedText}, without bias and without RoPE scaling.`,
  });
}
