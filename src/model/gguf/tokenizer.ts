// Converts the tokenizer of a GGUF file to the objects of tokenizer.json and tokenizer_config.json.
// Sources: ggml-org/llama.cpp src/llama-vocab.cpp, conversion/base.py and phi.py.
import type { GgufArchitecture } from "./architecture.ts";
import { byteLevelParts } from "./byte-level.ts";
import type { Metadata } from "./metadata.ts";
import { sentencePieceParts, spelled } from "./sentencepiece.ts";
import {
  badTokenizer,
  readVocabulary,
  specialId,
  tokenType,
  type Vocabulary,
} from "./vocabulary.ts";
import { shortJson } from "../../util/short-json.ts";

export interface GgufTokenizer {
  /** The object of tokenizer.json. */
  json: Record<string, unknown>;
  /**
   * The object of tokenizer_config.json; `chat_template` is a string or a list of
   * `{name, template}`.
   */
  config: Record<string, unknown>;
}

interface Specials {
  bos: number | undefined;
  eos: number | undefined;
  unknown: number | undefined;
  padding: number | undefined;
}

/** Tokens that end a turn or a text; a GGUF file has a key for only one of them. */
const ends = [
  "<|eot_id|>",
  "<|eom_id|>",
  "<|im_end|>",
  "<|end|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "<|end_of_text|>",
];

/** @throws UserError "bad-tokenizer", "bad-config" */
export function tokenizerOf(
  metadata: Metadata,
  { name: kind }: GgufArchitecture,
): GgufTokenizer & { stopTokens: number[] } {
  const vocabulary = readVocabulary(metadata);
  const isSentencePiece = readModel(metadata) === "llama";
  const parts = isSentencePiece
    ? sentencePieceParts(metadata, vocabulary, kind.startsWith("gemma"))
    : byteLevelParts(metadata, vocabulary);
  const specials = readSpecials(metadata, vocabulary, isSentencePiece);
  const { addsBos, ...body } = parts;
  const config = configOf(metadata, vocabulary, specials, addsBos);
  const stripsAfter = kind === "phi3" && isSentencePiece;
  return {
    json: {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: addedTokens(vocabulary, Object.values(specials), stripsAfter),
      post_processor: postProcessor(vocabulary, specials, config),
      ...body,
    },
    config,
    stopTokens: stopTokens(metadata, vocabulary, specials),
  };
}

function readModel(metadata: Metadata): "gpt2" | "llama" {
  const model = metadata.text("tokenizer.ggml.model");
  if (model !== "gpt2" && model !== "llama") {
    throw badTokenizer(
      metadata,
      "model",
      `It is ${model === undefined ? "missing" : shortJson(model)}; "gpt2" and "llama" are supported.`,
    );
  }
  return model;
}

/** Special ids. Those that a SentencePiece file omits are Llama 2's, as in llama.cpp. */
function readSpecials(
  metadata: Metadata,
  vocabulary: Vocabulary,
  isSentencePiece: boolean,
): Specials {
  const read = (name: string, usual?: number) =>
    specialId(metadata, name, vocabulary) ?? (isSentencePiece ? usual : undefined);
  return {
    bos: read("bos", 1),
    eos: read("eos", 2),
    unknown: read("unknown", 0),
    padding: read("padding"),
  };
}

/** Tokens that are matched before the text is split; control tokens are special. */
function addedTokens(
  { tokens, types }: Vocabulary,
  specials: readonly (number | undefined)[],
  stripsAfter: boolean,
): object[] {
  return tokens.flatMap((content, id) => {
    const type = types[id];
    const isSpecial =
      type === tokenType.control || type === tokenType.unknown || specials.includes(id);
    const isAdded = isSpecial || (type === tokenType.userDefined && spelled(content) === content);
    const flags = { single_word: false, lstrip: false, normalized: false, special: isSpecial };
    // The file does not say that white space after Phi-3's tokens is dropped.
    const rstrip = stripsAfter && !["<unk>", "<s>", "<|endoftext|>"].includes(content);
    return isAdded ? [{ id, content, rstrip, ...flags }] : [];
  });
}

function configOf(
  metadata: Metadata,
  { tokens }: Vocabulary,
  { bos, eos, unknown, padding }: Specials,
  addsBos: boolean,
): Record<string, unknown> {
  const text = (id: number | undefined) => (id === undefined ? null : (tokens[id] ?? null));
  const flag = (name: string, usual: boolean) => metadata.flag(`tokenizer.ggml.${name}`) ?? usual;
  const template = chatTemplate(metadata);
  return {
    add_bos_token: bos !== undefined && flag("add_bos_token", addsBos),
    add_eos_token: eos !== undefined && flag("add_eos_token", false),
    bos_token: text(bos),
    eos_token: text(eos),
    unk_token: text(unknown),
    pad_token: text(padding),
    clean_up_tokenization_spaces: false,
    tokenizer_class: "PreTrainedTokenizerFast",
    ...(template !== null && { chat_template: template }),
  };
}

/** The chat template: a string, or a list with names where there are several. */
function chatTemplate(metadata: Metadata): string | { name: string; template: string }[] | null {
  const key = "tokenizer.chat_template";
  const main = metadata.text(key) ?? null;
  const others = metadata.keysFrom(`${key}.`).map((own) => ({
    name: own.slice(key.length + 1),
    template: metadata.text(own) ?? "",
  }));
  if (others.length === 0) {
    return main;
  }
  return [...(main === null ? [] : [{ name: "default", template: main }]), ...others];
}

/** The post-processor that adds begin and end tokens. */
function postProcessor(
  { tokens }: Vocabulary,
  { bos, eos }: Specials,
  { add_bos_token: addsBos, add_eos_token: addsEos }: Record<string, unknown>,
): object | null {
  const before = addsBos === true && bos !== undefined ? [bos] : [];
  const after = addsEos === true && eos !== undefined ? [eos] : [];
  if (before.length + after.length === 0) {
    return null;
  }
  const around = (sequence: "A" | "B", type: number) => {
    const special = (id: number) => ({ SpecialToken: { id: tokens[id], type_id: type } });
    const text = { Sequence: { id: sequence, type_id: type } };
    return [...before.map(special), text, ...after.map(special)];
  };
  const named = [...before, ...after].map((id): [string, object] => {
    const token = tokens[id] ?? "";
    return [token, { id: token, ids: [id], tokens: [token] }];
  });
  return {
    type: "TemplateProcessing",
    single: around("A", 0),
    pair: [...around("A", 0), ...around("B", 1)],
    special_tokens: Object.fromEntries(named),
  };
}

function stopTokens(metadata: Metadata, vocabulary: Vocabulary, { eos }: Specials): number[] {
  const { ids, types } = vocabulary;
  const named = ends
    .map((token) => ids.get(token))
    .filter((id) => id !== undefined && types[id] === tokenType.control);
  const stated = ["eot", "eom"].map((name) => specialId(metadata, name, vocabulary));
  return [...new Set([eos, ...stated, ...named])].filter((id) => id !== undefined);
}
