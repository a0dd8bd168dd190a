// Which tokenizer class AutoTokenizer of transformers 5.24 makes for a folder: some classes build
// the pipeline themselves and take only vocabulary and merges from tokenizer.json.
// Source: models/auto/tokenization_auto.py (AutoTokenizer.from_pretrained).
import { isObject } from "../field.ts";

/** "file": the pipeline is tokenizer.json's own (TokenizersBackend). */
export type TokenizerClass =
  | "file"
  | "LlamaTokenizer"
  | "CodeLlamaTokenizer"
  | "GemmaTokenizer"
  | "GPT2Tokenizer"
  | "GPTNeoXTokenizer"
  | "Qwen2Tokenizer"
  | "Qwen3_5Tokenizer";

const rebuilding: readonly string[] = [
  "LlamaTokenizer",
  "CodeLlamaTokenizer",
  "GemmaTokenizer",
  "GPT2Tokenizer",
  "GPTNeoXTokenizer",
  "Qwen2Tokenizer",
  "Qwen3_5Tokenizer",
];

/** TOKENIZER_MAPPING_NAMES of the model types that can be opened, without mistral-common. */
const classOfModel: ReadonlyMap<string, TokenizerClass> = new Map([
  ["mistral", "file"],
  ["phi3", "file"],
  ["qwen2", "Qwen2Tokenizer"],
  ["qwen3", "Qwen2Tokenizer"],
  ["gemma2", "GemmaTokenizer"],
  ["gemma3", "GemmaTokenizer"],
  ["gemma3_text", "GemmaTokenizer"],
]);

/** MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS: the model's class wins over the config's. */
const mistakenModels: ReadonlySet<string> = new Set(["phi3", "qwen2"]);

interface Naming {
  /** The contents of tokenizer_config.json and config.json. */
  config: unknown;
  modelConfig: unknown;
  /** The content of tokenizer.json. */
  tokenizer: unknown;
}

export function classOf({ config, modelConfig, tokenizer }: Naming): TokenizerClass {
  const named = textIn(config, "tokenizer_class") ?? textIn(modelConfig, "tokenizer_class");
  const own = named?.replace(/Fast$/, "");
  const modelType = textIn(modelConfig, "model_type") ?? "";
  const registered = classOfModel.get(modelType);
  if (own === undefined) {
    return registered ?? "file";
  }
  if (!hasOwnCode(config)) {
    const isMistaken = mistakenModels.has(modelType);
    // Llama 3 names LlamaTokenizer in some folders, which cannot write bytes as letters.
    if (own === "LlamaTokenizer" && modelType !== "mistral" && hasByteLevel(tokenizer)) {
      return isMistaken ? (registered ?? "file") : "file";
    }
    if (registered !== undefined && (registered === "file" || isMistaken)) {
      return registered;
    }
  }
  return isRebuilding(own) ? own : "file";
}

function isRebuilding(name: string): name is TokenizerClass {
  return rebuilding.includes(name);
}

/** Whether a class of the folder's own Python code is named; then the model type is not asked. */
function hasOwnCode(config: unknown): boolean {
  const map = isObject(config) ? config["auto_map"] : undefined;
  return Array.isArray(map) || (isObject(map) && map["AutoTokenizer"] !== undefined);
}

/** Whether the type "ByteLevel" is named outside the vocabulary. */
function hasByteLevel(tokenizer: unknown): boolean {
  if (!isObject(tokenizer)) {
    return false;
  }
  const parts = ["normalizer", "pre_tokenizer", "post_processor", "decoder"];
  return JSON.stringify(parts.map((part) => tokenizer[part])).includes('"ByteLevel"');
}

function textIn(value: unknown, key: string): string | undefined {
  const text = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return typeof text === "string" && text !== "" ? text : undefined;
}
