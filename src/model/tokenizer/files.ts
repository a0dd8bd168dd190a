// Reads the tokenizer files of a model folder, chat templates included, to plain values.
// Source: transformers' tokenization_utils_base.py and utils/hub.py (names and order of the files).
import { findJsonFault } from "../../formats/json-fault.ts";
import { badTokenizer } from "./field.ts";

/** A tokenizer as plain values, from the files of a folder or the metadata of a GGUF file. */
export interface TokenizerParts {
  /** The content of tokenizer.json. */
  tokenizer: unknown;
  /**
   * The content of tokenizer_config.json and special_tokens_map.json; absent or null without one.
   */
  config?: unknown;
  specialTokensMap?: unknown;
  /** The content of added_tokens.json: ids by token. */
  addedTokens?: unknown;
  /** The content of config.json: its `model_type` takes part in choosing the class. */
  modelConfig?: unknown;
  /** Texts of `.jinja` files by path: `chat_template.jinja` and others. */
  templates?: ReadonlyMap<string, string>;
  /** The content of chat_template.json, the file of processors. */
  processor?: unknown;
  /**
   * `eos_token_id` of config.json or generation_config.json, for files that name no end token.
   */
  eosIds?: readonly number[];
  /** File name for errors; `tokenizer.json` unless given. */
  file?: string;
}

/** Whether `readTokenizerFiles` reads a file of this name. */
export function isTokenizerFile(name: string): boolean {
  return /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|chat_template)\.json$|\.jinja$/.test(
    name,
  );
}

/**
 * @param texts by path in the folder
 * @throws UserError "bad-tokenizer" naming the file that is not a JSON object, or a missing
 * tokenizer.json
 */
export function readTokenizerFiles(
  texts: ReadonlyMap<string, string>,
  eosIds: readonly number[],
): TokenizerParts {
  const read = (name: string) => {
    const text = texts.get(name);
    return text === undefined ? null : parseObject(text, name);
  };
  return {
    tokenizer: read("tokenizer.json"),
    config: read("tokenizer_config.json"),
    specialTokensMap: read("special_tokens_map.json"),
    addedTokens: read("added_tokens.json"),
    modelConfig: read("config.json"),
    templates: new Map([...texts].filter(([name]) => name.endsWith(".jinja"))),
    processor: read("chat_template.json"),
    eosIds,
  };
}

function parseObject(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const at = findJsonFault(text);
    const where =
      at === undefined ? "" : at >= text.length ? "; it ends too early" : ` at character ${at}`;
    throw badTokenizer(file, `It is not JSON${where}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badTokenizer(file, "It is not a JSON object");
  }
  return value as Record<string, unknown>;
}
