// The vocabulary of a model as GGUF has it: a text, a type and, for SentencePiece, a score for each
// id. Source: ggml-org/llama.cpp v0.5.0, conversion/base.py (get_vocab_base,
// _create_vocab_sentencepiece).
import { tokenType } from "../../../model/gguf/vocabulary.ts";
import type { TokenizerParts } from "../../../model/tokenizer/files.ts";
import { readAutoTokenizer } from "../../../model/tokenizer/transformers/read.ts";
import { UserError } from "../../../util/errors.ts";
import type { TypedMetadata } from "../../../formats/gguf/write-value.ts";

export interface GgufVocabulary {
  kind: "gpt2" | "llama";
  /** By id, one for each row of the embedding. */
  tokens: string[];
  types: Int32Array;
  /** Ids by text. */
  ids: ReadonlyMap<string, number>;
  /** `bos_token`, `eos_token` and so on, where the files name them. */
  named: Readonly<Record<string, string>>;
  /** Keys of its kind: merges, or scores. */
  own: TypedMetadata;
}

/**
 * @param vocabSize rows of the embedding
 * @throws UserError "bad-tokenizer" for a kind of vocabulary that has no counterpart in GGUF
 */
export function vocabularyOf(parts: TokenizerParts, vocabSize: number): GgufVocabulary {
  const { tokenizer, added, named } = readAutoTokenizer(parts);
  const model = objectOf(objectOf(tokenizer)["model"]);
  const kind = kindOf(objectOf(tokenizer));
  const merges = mergesOf(model["merges"]);
  const ids = new Map<string, number>();
  for (const [text, id] of Object.entries(objectOf(model["vocab"]))) {
    if (typeof id === "number") {
      ids.set(text, id);
    }
  }
  const unknown = model["unk_token"] ?? named["unk_token"];
  const special = new Map(added.map(({ content, special }) => [content, special]));
  for (const { id, content, special: isSpecial } of ownAdded(parts)) {
    ids.set(content, id);
    special.set(content, isSpecial);
  }
  const tokens = Array.from({ length: vocabSize }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(vocabSize).fill(tokenType.unused);
  for (const [text, id] of ids) {
    const isSpecial = special.get(text);
    types[id] = typeOf(text, isSpecial, { kind, unknown });
    // As Gemma's: a piece of spaces that is matched before the text is split.
    const isPlain = types[id] === tokenType.userDefined;
    tokens[id] = isPlain ? text.replaceAll("\u2581", " ") : text;
  }
  const own = kind === "gpt2" ? mergeKeys(merges) : scoreKeys(merges, ids, vocabSize);
  return { kind, tokens, types, ids, named, own };
}

interface Kind {
  kind: GgufVocabulary["kind"];
  unknown: unknown;
}

/** @param isSpecial undefined for a token that was not added */
function typeOf(text: string, isSpecial: boolean | undefined, { kind, unknown }: Kind): number {
  if (kind === "llama" && text === unknown) {
    return tokenType.unknown;
  }
  if (isSpecial !== undefined) {
    return isSpecial || looksSpecial(text) ? tokenType.control : tokenType.userDefined;
  }
  const isByte = kind === "llama" && /^<0x[0-9A-F]{2}>$/.test(text);
  return isByte ? tokenType.byte : tokenType.normal;
}

/** Some models do not mark such tokens (does_token_look_special). */
function looksSpecial(text: string): boolean {
  return (
    ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].includes(text) ||
    /^<\|.*\|>$|^<\uff5c.*\uff5c>$|^<unused.*>$/s.test(text)
  );
}

function kindOf(tokenizer: Record<string, unknown>): GgufVocabulary["kind"] {
  const model = objectOf(tokenizer["model"]);
  const isBpe = model["type"] === "BPE" || model["type"] === undefined;
  if (isBpe && model["byte_fallback"] === true) {
    return "llama";
  }
  if (isBpe && JSON.stringify(tokenizer["pre_tokenizer"] ?? null).includes('"ByteLevel"')) {
    return "gpt2";
  }
  throw new UserError("bad-tokenizer", "GGUF has no such vocabulary: it is no byte-level BPE.", {
    where: "tokenizer.json",
    remedy: "Use another export. The GGUF adapter needs no tokenizer.",
  });
}

type Merge = readonly [left: string, right: string];

/** Older files have a merge as one text, newer ones as a pair. */
function mergesOf(merges: unknown): Merge[] {
  return (Array.isArray(merges) ? (merges as unknown[]) : []).map((merge) => {
    if (typeof merge === "string") {
      const at = merge.indexOf(" ", 1);
      return [merge.slice(0, at), merge.slice(at + 1)];
    }
    const [left, right] = merge as [string, string];
    return [left, right];
  });
}

/** GGUF splits a merge at its first space; a space within a token has a letter of its own. */
function mergeKeys(merges: readonly Merge[]): TypedMetadata {
  const spelled = (text: string) => text.replaceAll(" ", "\u0120");
  const value = merges.map(([left, right]) => `${spelled(left)} ${spelled(right)}`);
  return [["tokenizer.ggml.merges", { type: "array", of: "string", value }]];
}

/**
 * llama.cpp merges the pair with the best score of the joined piece first, tokenizer.json the pair
 * with the lowest rank: a piece's score is the negated rank of its first merge.
 */
function scoreKeys(
  merges: readonly Merge[],
  ids: ReadonlyMap<string, number>,
  size: number,
): TypedMetadata {
  const value = new Float32Array(size).fill(-merges.length - 1);
  const isRanked = new Uint8Array(size);
  merges.forEach(([left, right], rank) => {
    const id = ids.get(left + right);
    if (id !== undefined && isRanked[id] === 0) {
      value[id] = -rank;
      isRanked[id] = 1;
    }
  });
  return [["tokenizer.ggml.scores", { type: "array", of: "f32", value }]];
}

interface OwnAdded {
  id: number;
  content: string;
  special: boolean;
}

/** `added_tokens` of tokenizer.json, with their ids. */
function ownAdded({ tokenizer }: TokenizerParts): OwnAdded[] {
  const list = objectOf(tokenizer)["added_tokens"];
  return (Array.isArray(list) ? (list as unknown[]) : []).map((token) => {
    const { id, content, special } = objectOf(token);
    return { id: Number(id), content: String(content), special: special === true };
  });
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
