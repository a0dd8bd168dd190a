// Reads the tokens of a GGUF file, with their types and scores. Sources: ggml-org/llama.cpp
// src/llama-vocab.cpp (llama_vocab::impl::load), gguf-py/gguf/constants.py (TokenType).
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";
import type { Metadata } from "./metadata.ts";

/** Values of `tokenizer.ggml.token_type`. */
export const tokenType = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

export interface Vocabulary {
  /** By id. */
  tokens: readonly string[];
  types: ArrayLike<number>;
  ids: ReadonlyMap<string, number>;
}

const prefix = "tokenizer.ggml";

/** @throws UserError "bad-tokenizer", "bad-config" */
export function readVocabulary(metadata: Metadata): Vocabulary {
  const tokens = metadata.strings(`${prefix}.tokens`);
  if (tokens === undefined || tokens.length === 0) {
    throw badTokenizer(metadata, "tokens", "The file has no vocabulary.");
  }
  const types =
    metadata.numbers(`${prefix}.token_type`) ??
    new Int32Array(tokens.length).fill(tokenType.normal);
  requireOneEach(metadata, "token_type", types, tokens);
  // llama.cpp names empty tokens too: an empty text would match everywhere.
  const named = tokens.map((token, id) => (token === "" ? `[EMPTY_${id}]` : token));
  const ids = new Map(named.map((token, id) => [token, id]));
  if (ids.size < named.length) {
    const [id, token] = [...named.entries()].find(([at, text]) => ids.get(text) !== at) ?? [0, ""];
    throw badTokenizer(
      metadata,
      "tokens",
      `Tokens ${id} and ${ids.get(token) ?? 0} are both ${shortJson(token.slice(0, 100))}.`,
    );
  }
  return { tokens: named, types, ids };
}

/** @throws UserError "bad-tokenizer", "bad-config" */
export function readScores(metadata: Metadata, { tokens }: Vocabulary): ArrayLike<number> {
  const scores = metadata.numbers(`${prefix}.scores`);
  if (scores === undefined) {
    throw badTokenizer(metadata, "scores", "Tokens of a SentencePiece vocabulary need scores.");
  }
  requireOneEach(metadata, "scores", scores, tokens);
  const at = Array.prototype.findIndex.call(scores, (score) => !Number.isFinite(score));
  if (at >= 0) {
    throw badTokenizer(
      metadata,
      "scores",
      `Item ${at} is ${scores[at] ?? 0}, not a finite number.`,
    );
  }
  return scores;
}

/**
 * The id under a key such as `bos`; undefined where the file has none.
 * @throws UserError "bad-tokenizer" for an id without a token
 */
export function specialId(
  metadata: Metadata,
  name: string,
  { tokens }: Vocabulary,
): number | undefined {
  const key = `${name}_token_id`;
  const id = metadata.count(`${prefix}.${key}`);
  if (id !== undefined && id >= tokens.length) {
    throw badTokenizer(metadata, key, `It is ${id}, but there are ${tokens.length} tokens.`);
  }
  return id;
}

/** @param key after `tokenizer.ggml.` */
export function badTokenizer(
  metadata: Metadata,
  key: string,
  message: string,
  remedy = "Choose another GGUF file of the model. Nothing was loaded.",
): UserError {
  return new UserError("bad-tokenizer", message, {
    where: `${metadata.fileName}, key ${shortJson(`${prefix}.${key}`)}`,
    remedy,
  });
}

function requireOneEach(
  metadata: Metadata,
  key: string,
  values: ArrayLike<number>,
  tokens: readonly string[],
): void {
  if (values.length !== tokens.length) {
    throw badTokenizer(
      metadata,
      key,
      `It has ${values.length} entries for ${tokens.length} tokens.`,
    );
  }
}
