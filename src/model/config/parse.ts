// Parses config.json and generation_config.json of transformers into a ModelConfig and stop tokens.
import { f16ToF32, f32ToBf16, f32ToF16, bf16ToF32 } from "../../util/bytes.ts";
import { hasCode } from "../../util/errors.ts";
import { architectures, type Architecture } from "./architectures.ts";
import { ConfigFields } from "./fields.ts";
import { readLayers } from "./layers.ts";
import { readMaxPositions, readRopes, type Ropes } from "./rope-config.ts";
import { shortJson } from "../../util/short-json.ts";
import type { ModelConfig } from "./model-config.ts";

/**
 * Upper limits: no released model comes near them. They stop a corrupt file from requesting absurd
 * amounts of memory.
 */
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
 * Parses a Hugging Face `config.json` of transformers 4 or 5.
 *
 * An absent key has the default of the model's config class (transformers 5.24,
 * configuration_*.py; see architectures.ts), not a common one: rope_theta is 10,000 for Llama and
 * 1,000,000 for Qwen 3. A key that would change the computation in a way that the decoder does not
 * implement (a bias, another activation, an unknown RoPE scaling) is refused, never ignored. The
 * dropout of the base model is not read: it is off, as in evaluation.
 * @param fileName for errors
 * @throws UserError "bad-config" or "unsupported-architecture"
 */
export function parseModelConfig(text: string, fileName = "config.json"): ModelConfig {
  return readConfig(ConfigFields.parse(text, fileName), readArithmetic);
}

/**
 * The same where only the sizes matter, such as a memory plan: RoPE scaling and activation may be
 * of any kind.
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

/** The fields that change no tensor and no size. */
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

/** The class in `architectures`, else the class of `model_type`. */
function readArchitecture(fields: ConfigFields): [name: string, known: Architecture] {
  const listed = fields.raw("architectures");
  const modelType = fields.raw("model_type") ?? null;
  const named: unknown = Array.isArray(listed) ? listed[0] : undefined;
  const byType = [...architectures].find(([, known]) => known.modelType === modelType)?.[0];
  const name = named ?? byType ?? modelType ?? "none named";
  const known = typeof name === "string" ? architectures.get(name) : undefined;
  if (typeof name !== "string" || known === undefined) {
    const isVision = name === "Gemma3ForConditionalGeneration" || name === "gemma3";
    const wraps = fields.has("text_config") || fields.has("vision_config");
    const part = isVision || wraps ? " with its vision part" : "";
    throw fields.unsupported(`The architecture ${shortJson(name)}${part}`);
  }
  if (modelType !== null && modelType !== known.modelType) {
    throw fields.bad("model_type", modelType, `${shortJson(known.modelType)} for ${name}`);
  }
  return [name, known];
}

/** Refuses switches that would add tensors or let a token see later ones. */
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
  // Null means one key/value head per head, whatever the default of the class.
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

/** The activation by its name in transformers (activations.py). */
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
      throw fields.unsupported(`The activation ${shortJson(name)}`);
  }
}

function readQueryScalar(
  fields: ConfigFields,
  { queryScalar }: Architecture,
  headDim: number,
): number {
  return queryScalar === null ? headDim : fields.positive("query_pre_attn_scalar", queryScalar);
}

/** @param usual default of the class; undefined where it has no such cap and none is allowed */
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

/** sqrt(hiddenSize) in the dtype of the file; bfloat16, Gemma's, where it names none. */
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

/**
 * Token ids that end a text: `eos_token_id`, a number or a list, of generation_config.json, else of
 * config.json.
 * @throws UserError "bad-config"
 */
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
      throw fields.fault(`its eos_token_id holds ${shortJson(id)}`);
    }
    return id;
  });
}
