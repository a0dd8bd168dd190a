// The keys of a merged model: what it is, its sizes. Source: ggml-org/llama.cpp v0.5.0,
// conversion/base.py (set_gguf_parameters), gemma.py, phi.py.
import type { RunState } from "../../../checkpoint/file/run-state.ts";
import type { TypedMetadata, TypedValue } from "../../../formats/gguf/write-value.ts";
import { ConfigFields } from "../../../model/config/fields.ts";
import type { ModelConfig } from "../../../model/config/model-config.ts";
import type { BaseModel } from "../../../model/open.ts";
import { baseNameOf } from "../../base-name.ts";
import { textValue } from "../text-value.ts";
import type { ModelType } from "./tensors.ts";
import { slidingPeriod } from "./unsupported.ts";

const fileTypes: Readonly<Record<ModelType, number>> = {
  F32: 0,
  F16: 1,
  Q4_0: 2,
  Q8_0: 7,
  BF16: 32,
};

export function generalKeys(
  { base }: RunState,
  { licence, texts }: BaseModel,
  architecture: string,
  type: ModelType,
): TypedMetadata {
  return [
    ["general.architecture", textValue(architecture)],
    ["general.type", textValue("model")],
    ["general.name", textValue(nameOf(`${baseNameOf(base) ?? base.name} merged`, texts))],
    ...(licence === null ? [] : [["general.license", textValue(licence)] as const]),
    ["general.file_type", u32(fileTypes[type])],
    ["general.quantization_version", u32(2)],
  ];
}

/**
 * llama.cpp reads in the name how Phi-3's tokens treat spaces: with "phi-3" or "phi3" in it, space
 * behind them is dropped, and a vocabulary without certain tokens does not load.
 */
function nameOf(name: string, texts: ReadonlyMap<string, string>): string {
  const isNamedSo = /phi-?3/i.test(name);
  if (stripsSpaces(texts)) {
    return isNamedSo ? name : `${name} Phi-3`;
  }
  return name.replace(/phi-?3/gi, "Phi 3");
}

/** Whether the tokenizer is Phi-3's. */
function stripsSpaces(texts: ReadonlyMap<string, string>): boolean {
  const { added_tokens = [] } = JSON.parse(texts.get("tokenizer.json") ?? "{}") as {
    added_tokens?: { content: string; rstrip?: boolean }[];
  };
  const strips = new Map(added_tokens.map(({ content, rstrip }) => [content, rstrip === true]));
  return (
    ["</s>", "<unk>", "<s>", "<|endoftext|>"].every((token) => strips.has(token)) &&
    strips.get("<|end|>") === true
  );
}

/**
 * Sizes and constants. Most of them llama.cpp cannot do without, so none is optional here.
 */
export function sizeKeys(model: BaseModel, architecture: string): TypedMetadata {
  const { config } = model;
  const own = (key: string) => `${architecture}.${key}`;
  return [
    [own("block_count"), u32(config.numHiddenLayers)],
    [own("context_length"), u32(contextLength(model))],
    [own("embedding_length"), u32(config.hiddenSize)],
    [own("feed_forward_length"), u32(config.intermediateSize)],
    [own("attention.head_count"), u32(config.numAttentionHeads)],
    [own("attention.head_count_kv"), u32(config.numKeyValueHeads)],
    [own("attention.layer_norm_rms_epsilon"), { type: "f32", value: config.rmsNormEps }],
    [own("attention.key_length"), u32(config.headDim)],
    [own("attention.value_length"), u32(config.headDim)],
    [own("vocab_size"), u32(config.vocabSize)],
    ...windowKeys(config, own, architecture),
    ...softcapKeys(config, own),
  ];
}

/** Of the whole model: with longrope, texts here end at the original length. */
function contextLength({ config, texts }: BaseModel): number {
  const fields = ConfigFields.parse(texts.get("config.json") ?? "", "config.json");
  const stated = fields.raw("max_position_embeddings");
  return typeof stated === "number" ? stated : config.maxPositionEmbeddings;
}

/** llama.cpp reads the window of Gemma, and of Phi-3 to tell it from Phi-4. */
function windowKeys(
  { layers, slidingWindow }: ModelConfig,
  own: (key: string) => string,
  architecture: string,
): TypedMetadata {
  if (architecture === "phi3") {
    return [[own("attention.sliding_window"), u32(slidingWindow ?? 0)]];
  }
  if (!architecture.startsWith("gemma") || slidingWindow === null) {
    return [];
  }
  const period = slidingPeriod(layers);
  return [
    [own("attention.sliding_window"), u32(slidingWindow)],
    ...(period === usualPeriod[architecture]
      ? []
      : [[own("attention.sliding_window_pattern"), u32(period)] as const]),
  ];
}

const usualPeriod: Readonly<Record<string, number>> = { gemma2: 2, gemma3: 6 };

function softcapKeys(
  { attentionSoftcap, logitSoftcap }: ModelConfig,
  own: (key: string) => string,
): TypedMetadata {
  const keys = { attn_logit_softcapping: attentionSoftcap, final_logit_softcapping: logitSoftcap };
  return Object.entries(keys).flatMap(([key, value]) =>
    value === null ? [] : [[own(key), { type: "f32", value }] as const],
  );
}

function u32(value: number): TypedValue {
  return { type: "u32", value };
}
