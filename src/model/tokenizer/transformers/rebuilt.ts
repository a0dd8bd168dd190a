// The pipelines that tokenizer classes of transformers 5.24 build in place of tokenizer.json's.
// Source: models/{llama,code_llama,gemma,gpt2,gpt_neox,qwen2,qwen3_5}/tokenization_*.py.
import { isObject, type JsonObject } from "../field.ts";
import type { TokenizerClass } from "./class-of.ts";

const sign = "\u2581";
const spacesAsSign = { type: "Replace", pattern: { String: " " }, content: sign };
const signsToSpaces = { type: "Replace", pattern: { String: sign }, content: " " };
const stripFirst = { type: "Strip", content: " ", start: 1, stop: 0 };
const joinBytes = [signsToSpaces, { type: "ByteFallback" }, { type: "Fuse" }];
const byteLetters = { type: "ByteLevel", add_prefix_space: true, trim_offsets: true };
const nfc = { type: "NFC" };

const qwen2Words = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const qwen35Words = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;

/** Named tokens of a class where no file names them. */
export const defaultTokens: Readonly<Record<TokenizerClass, Readonly<Record<string, string>>>> = {
  file: {},
  LlamaTokenizer: { unk_token: "<unk>", bos_token: "<s>", eos_token: "</s>" },
  CodeLlamaTokenizer: {
    unk_token: "<unk>",
    bos_token: "<s>",
    eos_token: "</s>",
    prefix_token: `${sign}<PRE>`,
    middle_token: `${sign}<MID>`,
    suffix_token: `${sign}<SUF>`,
    eot_token: `${sign}<EOT>`,
    fill_token: "<FILL_ME>",
  },
  GemmaTokenizer: {
    unk_token: "<unk>",
    bos_token: "<bos>",
    eos_token: "<eos>",
    pad_token: "<pad>",
    mask_token: "<mask>",
  },
  GPT2Tokenizer: gptTokens({}),
  GPTNeoXTokenizer: gptTokens({ pad_token: "<|padding|>" }),
  Qwen2Tokenizer: qwenTokens(),
  Qwen3_5Tokenizer: qwenTokens(),
};

function gptTokens(further: Readonly<Record<string, string>>): Record<string, string> {
  const end = "<|endoftext|>";
  return { unk_token: end, bos_token: end, eos_token: end, ...further };
}

function qwenTokens(): Record<string, string> {
  const end = "<|endoftext|>";
  return { unk_token: end, eos_token: end, pad_token: end };
}

interface Rebuilding {
  name: Exclude<TokenizerClass, "file">;
  /** The content of tokenizer_config.json. */
  config: JsonObject;
  /** `bos_token`, `unk_token` and so on. */
  named: Readonly<Record<string, string>>;
}

/**
 * tokenizer.json as the class rebuilds it: with the file's vocabulary, merges and post-processor,
 * without its added tokens.
 */
export function rebuilt(json: JsonObject, by: Rebuilding): JsonObject {
  const { vocab, merges } = isObject(json["model"]) ? json["model"] : {};
  const { post_processor } = json;
  return { post_processor, ...pipelineOf(by, vocab), model: { ...modelOf(by), vocab, merges } };
}

/** Fields of the model beside vocabulary and merges. */
function modelOf({ name, named }: Rebuilding): JsonObject {
  const type = "BPE";
  const bytes = { type, fuse_unk: true, byte_fallback: true };
  switch (name) {
    case "LlamaTokenizer":
      return bytes;
    case "CodeLlamaTokenizer":
    case "GemmaTokenizer":
      return { ...bytes, unk_token: named["unk_token"] };
    case "GPT2Tokenizer":
    case "GPTNeoXTokenizer":
    case "Qwen2Tokenizer":
    case "Qwen3_5Tokenizer":
      return { type };
  }
}

function pipelineOf({ name, config, named }: Rebuilding, vocab: unknown): JsonObject {
  const given = config["add_prefix_space"];
  switch (name) {
    case "LlamaTokenizer":
      return llamaPipeline(given ?? true, config["legacy"] === true ? "always" : "first");
    case "CodeLlamaTokenizer":
      return {
        ...llamaPipeline(given ?? true, "first"),
        decoder: { type: "Sequence", decoders: [...joinBytes, stripFirst] },
        post_processor: startingWith(named["bos_token"], vocab),
      };
    case "GemmaTokenizer": {
      const pattern = { String: " " };
      return {
        normalizer: spacesAsSign,
        pre_tokenizer: { type: "Split", pattern, behavior: "MergedWithPrevious" },
        decoder: { type: "Sequence", decoders: joinBytes },
      };
    }
    case "GPT2Tokenizer":
      return gptPipeline(given);
    case "GPTNeoXTokenizer":
      return { ...gptPipeline(given), normalizer: nfc, post_processor: null };
    case "Qwen2Tokenizer":
      return qwenPipeline(given, qwen2Words);
    case "Qwen3_5Tokenizer":
      return qwenPipeline(given, qwen35Words);
  }
}

function llamaPipeline(addsPrefix: unknown, scheme: "always" | "first"): JsonObject {
  const prepend_scheme = addsPrefix === false ? "never" : scheme;
  const decoders = addsPrefix === false ? joinBytes : [...joinBytes, stripFirst];
  return {
    pre_tokenizer: { type: "Metaspace", replacement: sign, prepend_scheme, split: false },
    decoder: { type: "Sequence", decoders },
  };
}

function gptPipeline(addsPrefix: unknown): JsonObject {
  const pre_tokenizer = { ...byteLetters, add_prefix_space: addsPrefix === true };
  return { pre_tokenizer, decoder: byteLetters };
}

function qwenPipeline(addsPrefix: unknown, Regex: string): JsonObject {
  const words = { type: "Split", pattern: { Regex }, behavior: "Isolated" };
  const letters = { ...byteLetters, add_prefix_space: addsPrefix === true, use_regex: false };
  return {
    normalizer: nfc,
    pre_tokenizer: { type: "Sequence", pretokenizers: [words, letters] },
    decoder: byteLetters,
  };
}

function startingWith(token: string | undefined, vocab: unknown): JsonObject | null {
  const id = token !== undefined && isObject(vocab) ? vocab[token] : undefined;
  return token === undefined || typeof id !== "number"
    ? null
    : {
        type: "TemplateProcessing",
        single: [{ SpecialToken: { id: token } }, { Sequence: { id: "A" } }],
        special_tokens: { [token]: { ids: [id] } },
      };
}
