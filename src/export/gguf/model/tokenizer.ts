// The tokenizer of a model as keys of a GGUF file. Source: ggml-org/llama.cpp v0.5.0,
// conversion/base.py, gguf-py/gguf/vocab.py (SpecialVocab), gguf_writer.py (add_chat_template).
import type { TypedMetadata, TypedValue } from "../../../formats/gguf/write-value.ts";
import { namedTemplates } from "../../../model/chat-template/choice.ts";
import { isSameSplitting, splittingNameOf } from "../../../model/gguf/splitting-name.ts";
import type { BaseModel } from "../../../model/open.ts";
import { readTokenizerFiles, type TokenizerParts } from "../../../model/tokenizer/files.ts";
import { sha256Hex } from "../../../util/bytes.ts";
import { UserError } from "../../../util/errors.ts";
import { textValue } from "../text-value.ts";
import { namesByHash, probeText } from "./known-vocabularies.ts";
import { vocabularyOf, type GgufVocabulary } from "./vocabulary.ts";

const prefix = "tokenizer.ggml";

/**
 * Vocabulary, special tokens and chat templates.
 * @throws UserError "bad-tokenizer" for a vocabulary or pre-tokenizer without counterpart
 */
export async function tokenizerKeys(model: BaseModel): Promise<TypedMetadata> {
  const parts = readTokenizerFiles(model.texts, []);
  const vocabulary = vocabularyOf(parts, model.config.vocabSize);
  const { kind, tokens, types, own } = vocabulary;
  const pre = kind === "llama" ? "default" : await preTokenizerOf(model, parts);
  return [
    [`${prefix}.model`, textValue(kind)],
    [`${prefix}.pre`, textValue(pre)],
    [`${prefix}.tokens`, { type: "array", of: "string", value: tokens }],
    [`${prefix}.token_type`, { type: "array", of: "i32", value: types }],
    ...own,
    ...specialKeys(model, vocabulary),
    ...(kind === "llama" ? [[`${prefix}.add_space_prefix`, addsSpace(model)] as const] : []),
    ...templateKeys(parts),
  ];
}

/**
 * By llama.cpp's rule, the hash of a vocabulary's tokens of one text. The file's own pattern
 * decides for a vocabulary that is not listed, and where the listed name splits otherwise: Llama 3
 * without a begin token has the hash of a model that merges within words.
 */
async function preTokenizerOf({ tokenizer }: BaseModel, parts: TokenizerParts): Promise<string> {
  const ids = `[${tokenizer.encode(probeText).join(", ")}]`;
  const listed = namesByHash.get(await sha256Hex(new TextEncoder().encode(ids)));
  const own = splittingNameOf(parts.tokenizer);
  const isListed = listed !== undefined && (own === undefined || isSameSplitting(listed, own));
  const name = isListed ? listed : own;
  if (name === undefined) {
    throw new UserError("bad-tokenizer", "llama.cpp has no pre-tokenizer that splits like this.", {
      where: "tokenizer.json",
      remedy: "Use the merged folder, or the GGUF adapter on a GGUF file of the base model.",
    });
  }
  return name;
}

/** Ids of special tokens, and which of them the tokenizer itself adds to a text. */
function specialKeys(
  { tokenizer, stopTokens }: BaseModel,
  { ids, named }: GgufVocabulary,
): TypedMetadata {
  const { eosId } = tokenizer;
  const idOf = (name: string) => ids.get(named[name] ?? "");
  const around = tokenizer.encode("a");
  const bos = idOf("bos_token");
  // llama.cpp knows one end of a turn beside the end of a text, and finds the usual ones by name.
  const turnEnd = stopTokens.find((id) => id !== eosId);
  const keys: [string, number | boolean | undefined][] = [
    ["bos_token_id", bos],
    ["eos_token_id", eosId],
    ["eot_token_id", turnEnd],
    ["unknown_token_id", idOf("unk_token")],
    ["padding_token_id", idOf("pad_token")],
    ["add_bos_token", bos !== undefined && around[0] === bos],
    ["add_eos_token", around.at(-1) === eosId],
  ];
  return keys.flatMap(([key, value]) =>
    value === undefined ? [] : [[`${prefix}.${key}`, valueOf(value)] as const],
  );
}

function valueOf(value: number | boolean): TypedValue {
  return typeof value === "number" ? { type: "u32", value } : { type: "bool", value };
}

/** Whether a text gets a space in front: it is then tokenised as in the middle of a text. */
function addsSpace({ tokenizer }: BaseModel): TypedValue {
  const ids = tokenizer.encodeRendered("a");
  return { type: "bool", value: tokenizer.decodeToken(ids[0] ?? 0) === " a" || ids.length > 1 };
}

/** The template called default under the plain key, others under their names. */
function templateKeys({ templates = new Map(), config, processor }: TokenizerParts): TypedMetadata {
  const found = namedTemplates({
    files: templates,
    config: templateIn(config),
    processor: templateIn(processor),
  });
  const usual = found.get("default");
  const others = [...found]
    .filter(([name]) => name !== "default" && name !== "")
    .map(([name, text]) => [name.replace(/[^a-zA-Z0-9]/g, "_"), text] as const);
  const key = "tokenizer.chat_template";
  const names = others.map(([name]) => name);
  return [
    ...others.map(([name, text]) => [`${key}.${name}`, textValue(text)] as const),
    ...(names.length === 0
      ? []
      : [[`tokenizer.chat_templates`, { type: "array", of: "string", value: names }] as const]),
    ...(usual === undefined ? [] : [[key, textValue(usual)] as const]),
  ];
}

function templateIn(file: unknown): unknown {
  return typeof file === "object" && file !== null
    ? (file as Record<string, unknown>)["chat_template"]
    : null;
}
