// Tokens that the files beside tokenizer.json name, by the rules of transformers 5.24.
// Source: tokenization_utils_base.py (_from_pretrained) and tokenization_utils_tokenizers.py.
import type { TokenToAdd } from "../added-tokens.ts";
import { isObject, type JsonObject } from "../field.ts";

/** What the files say of tokens, each as parsed JSON. */
export interface TokenFiles {
  config: JsonObject;
  specialTokensMap: JsonObject;
  /** added_tokens.json: ids by token. */
  addedTokens: JsonObject;
  /** `added_tokens` of tokenizer.json. */
  own: readonly unknown[];
}

export interface NamedTokens {
  /** `bos_token`, `eos_token` and so on. */
  named: Readonly<Record<string, string>>;
  /** To be added after tokenizer.json's own; a later one replaces the flags of an earlier one. */
  added: readonly TokenToAdd[];
}

const commonNames = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"].map((it) => `${it}_token`);

/**
 * special_tokens_map.json and added_tokens.json are read only where tokenizer_config.json has no
 * `added_tokens_decoder`; there special_tokens_map.json wins.
 * @param defaults named tokens of the class
 * @param keepsOwn whether tokenizer.json's own added tokens are part of the pipeline already
 */
export function namedTokens(
  files: TokenFiles,
  defaults: Readonly<Record<string, string>>,
  keepsOwn: boolean,
): NamedTokens {
  const { config, own } = files;
  const isOld = !isObject(config["added_tokens_decoder"]);
  const fields = { ...defaults, ...config, ...(isOld ? files.specialTokensMap : {}) };
  const list = fields["extra_special_tokens"];
  const isEmpty = list === undefined || list === null || (Array.isArray(list) && list.length === 0);
  const extra = isEmpty ? fields["additional_special_tokens"] : list;
  const named = byName({ ...fields, ...(isObject(extra) ? extra : {}) });
  const extras = Array.isArray(extra) ? (extra as unknown[]) : [];
  const special = [...Object.values(named), ...extras];
  const added = isOld
    ? declaredInOldFiles(files, new Set(special.map(contentOf)))
    : inOrder(Object.entries(config["added_tokens_decoder"] as JsonObject));
  const present = new Set([...(keepsOwn ? own : []), ...added].map(contentOf));
  for (const value of special) {
    const token = readToken(value, true);
    if (token !== null && !present.has(token.content)) {
      present.add(token.content);
      added.push(token);
    }
  }
  const texts = Object.entries(named).map(([name, value]) => [name, contentOf(value) ?? ""]);
  const isNamed = new Set(texts.map(([, text]) => text));
  return {
    named: Object.fromEntries(texts) as Record<string, string>,
    added: added.map((token) => (isNamed.has(token.content) ? { ...token, special: true } : token)),
  };
}

/** The tokens of added_tokens.json and tokenizer.json, which wins where both use an id. */
function declaredInOldFiles(
  { addedTokens, own }: TokenFiles,
  special: ReadonlySet<string | null>,
): TokenToAdd[] {
  const texts = Object.entries(addedTokens).map(([content, id]): [unknown, unknown] => [
    id,
    { content, special: special.has(content) },
  ]);
  const tokens = own.map((token): [unknown, unknown] => [
    isObject(token) ? token["id"] : null,
    token,
  ]);
  return inOrder([...texts, ...tokens]);
}

/** @param pairs ids and tokens; a later pair replaces an earlier one of its id */
function inOrder(pairs: readonly (readonly [unknown, unknown])[]): TokenToAdd[] {
  const byId = new Map(pairs.map(([id, token]) => [Number(id), readToken(token, false)]));
  return [...byId]
    .sort(([a], [b]) => a - b)
    .flatMap(([, token]) => (token === null ? [] : [token]));
}

/** `*_token` fields: the common ones in their order, then the model's own. */
function byName(fields: JsonObject): Record<string, unknown> {
  const own = Object.keys(fields).filter((name) => name.endsWith("_token"));
  const names = new Set([...commonNames, ...own]);
  const isGiven = (name: string) => Object.hasOwn(fields, name) && contentOf(fields[name]) !== null;
  return Object.fromEntries([...names].filter(isGiven).map((name) => [name, fields[name]]));
}

/** The text of a token, which is given as such or as an object. */
function contentOf(value: unknown): string | null {
  const content = isObject(value) ? value["content"] : value;
  return typeof content === "string" && content !== "" ? content : null;
}

function readToken(value: unknown, isSpecial: boolean): TokenToAdd | null {
  const content = contentOf(value);
  if (content === null) {
    return null;
  }
  const fields = isObject(value) ? value : {};
  const flag = (name: string, missing: boolean) =>
    typeof fields[name] === "boolean" ? fields[name] : missing;
  const special = flag("special", isSpecial);
  return {
    content,
    special,
    normalized: flag("normalized", !special),
    single_word: flag("single_word", false),
    lstrip: flag("lstrip", false),
    rstrip: flag("rstrip", false),
  };
}
