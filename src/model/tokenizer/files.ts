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
  /** Chat templates from separate files, by name; they have precedence over the config's. */
  templates?: ReadonlyMap<string, string>;
  /**
   * `eos_token_id` of config.json or generation_config.json, for files that name no end token.
   */
  eosIds?: readonly number[];
  /** File name for errors; `tokenizer.json` unless given. */
  file?: string;
}

export const defaultTemplate = "default";

/** Whether `readTokenizerFiles` reads a file of this name. */
export function isTokenizerFile(name: string): boolean {
  return /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|chat_template)\.json$|\.jinja$/.test(
    name,
  );
}

/**
 * @param texts by file name. `chat_template.jinja` is the default template; any other `.jinja` file
 *   is a template of its name (`additional_chat_templates/tool_use.jinja`, with or without folder).
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
    templates: templatesIn(texts, read("chat_template.json")),
    eosIds,
  };
}

/** @param processor chat_template.json, the file of processors: `{"chat_template": ...}` */
function templatesIn(
  texts: ReadonlyMap<string, string>,
  processor: Record<string, unknown> | null,
): Map<string, string> {
  const templates = new Map(templatesOf(processor?.["chat_template"]));
  for (const [name, text] of texts) {
    const stem = /([^/\\]+)\.jinja$/.exec(name)?.[1];
    if (stem !== undefined) {
      templates.set(stem === "chat_template" ? defaultTemplate : stem, text);
    }
  }
  return templates;
}

/**
 * `chat_template` of a config: a string, a list of `{name, template}`, or an object by name.
 */
export function templatesOf(value: unknown): [string, string][] {
  if (typeof value === "string") {
    return [[defaultTemplate, value]];
  }
  const pairs: unknown[][] = Array.isArray(value)
    ? (value as unknown[]).map((entry) => [member(entry, "name"), member(entry, "template")])
    : typeof value === "object" && value !== null
      ? Object.entries(value)
      : [];
  return pairs.flatMap(([name, template]) =>
    typeof name === "string" && typeof template === "string" ? [[name, template]] : [],
  );
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
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
