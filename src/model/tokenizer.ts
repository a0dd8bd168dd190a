// tokenizer.json and tokenizer_config.json through @huggingface/tokenizers, checked against the embedding's size.
import { Tokenizer } from "@huggingface/tokenizers";
import type { ChatMessage, TextTokenizer } from "../data/tokenizer.ts";
import { UserError } from "../util/errors.ts";
import { parseChatTemplate, type ChatTemplate } from "./chat-template.ts";

export interface ModelTokenizer extends TextTokenizer {
  hasChatTemplate: boolean;
  /** Ids that end a text, from the tokenizer itself. */
  eosId: number;
  /** One token as a person reads it, special tokens included. */
  decodeToken(token: number): string;
}

export interface TokenizerTexts {
  tokenizer: string;
  config: string;
  /** `chat_template.jinja`, which wins over the one in the config. */
  chatTemplate: string | null;
}

/**
 * @param vocabSize rows of the embedding; every token id must be below it
 * @throws UserError "bad-tokenizer" or "vocabulary-mismatch"
 */
export function parseTokenizer(texts: TokenizerTexts, vocabSize: number): ModelTokenizer {
  const json = parseJson(texts.tokenizer, "tokenizer.json");
  const config = parseJson(texts.config, "tokenizer_config.json");
  const tokenizer = construct(json, config);
  checkVocabulary(tokenizer, vocabSize);
  const specialTokens = readSpecialTokens(config);
  const eosText = specialTokens["eos_token"];
  const eosId = eosText === undefined ? undefined : tokenizer.token_to_id(eosText);
  if (eosText === undefined || eosId === undefined) {
    throw badTokenizer(
      "tokenizer_config.json",
      eosText === undefined
        ? "it names no eos_token, so the model could not learn where to stop"
        : `its eos_token ${JSON.stringify(eosText)} is not in the vocabulary`,
    );
  }
  const template = readTemplate(texts.chatTemplate, config, specialTokens);
  return {
    eosText,
    eosId,
    hasChatTemplate: template !== null,
    encode: (text) => tokenizer.encode(text).ids,
    decode: (tokens) => tokenizer.decode([...tokens], { skip_special_tokens: true }),
    decodeToken: (token) => tokenizer.decode([token], { skip_special_tokens: false }),
    encodeChat(messages: readonly ChatMessage[], addGenerationPrompt: boolean) {
      if (template === null) {
        throw new UserError("bad-tokenizer", "The model has no chat template.", {
          where: "tokenizer_config.json",
          remedy: "Use prompt and completion rows instead of messages, or an instruct model.",
        });
      }
      const text = template.render(messages, addGenerationPrompt);
      return tokenizer.encode(text, { add_special_tokens: false }).ids;
    },
  };
}

function construct(json: Record<string, unknown>, config: Record<string, unknown>): Tokenizer {
  try {
    return new Tokenizer(json, config);
  } catch (error) {
    throw badTokenizer("tokenizer.json", `it could not be read (${(error as Error).message})`);
  }
}

function checkVocabulary(tokenizer: Tokenizer, vocabSize: number): void {
  let largest = -1;
  for (const id of tokenizer.get_vocab(true).values()) {
    largest = Math.max(largest, id);
  }
  if (largest >= vocabSize) {
    throw new UserError(
      "vocabulary-mismatch",
      `The tokenizer's ids go up to ${largest}, but the embedding has ${vocabSize} rows.`,
      {
        where: "tokenizer.json",
        remedy: "Choose the tokenizer that belongs to this model.",
      },
    );
  }
  if (largest < 0) {
    throw badTokenizer("tokenizer.json", "its vocabulary is empty");
  }
}

/** Tokens are given as text or as `{content}`. */
function readSpecialTokens(config: Record<string, unknown>): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const key of ["bos_token", "eos_token", "unk_token", "pad_token"]) {
    const value = config[key];
    const content =
      typeof value === "object" && value !== null
        ? (value as Record<string, unknown>)["content"]
        : value;
    if (typeof content === "string") {
      tokens[key] = content;
    }
  }
  return tokens;
}

function readTemplate(
  file: string | null,
  config: Record<string, unknown>,
  specialTokens: Record<string, string>,
): ChatTemplate | null {
  const source = file ?? templateOf(config["chat_template"]);
  return source === null ? null : parseChatTemplate(source, specialTokens);
}

/** A string, or a list of `{name, template}` of which `default` is meant. */
function templateOf(value: unknown): string | null {
  if (typeof value === "string") {
    return value;
  }
  if (!Array.isArray(value)) {
    return null;
  }
  const entries = value as { name?: unknown; template?: unknown }[];
  const found = entries.find(({ name }) => name === "default")?.template;
  return typeof found === "string" ? found : null;
}

function parseJson(text: string, fileName: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badTokenizer(fileName, `it is not JSON (${(error as Error).message})`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badTokenizer(fileName, "it is not a JSON object");
  }
  return value as Record<string, unknown>;
}

function badTokenizer(fileName: string, fault: string): UserError {
  return new UserError("bad-tokenizer", `${fault.charAt(0).toUpperCase()}${fault.slice(1)}.`, {
    where: fileName,
    remedy: "Choose the tokenizer files that belong to this model. Nothing was loaded.",
  });
}
