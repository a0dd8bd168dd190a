// A tokenizer as AutoTokenizer.from_pretrained of transformers 5.24 makes it from its files.
import type { TokenToAdd } from "../added-tokens.ts";
import { isObject, type JsonObject } from "../field.ts";
import type { TokenizerParts } from "../files.ts";
import { classOf } from "./class-of.ts";
import { defaultTokens, rebuilt } from "./rebuilt.ts";
import { namedTokens } from "./special-tokens.ts";

export interface AutoTokenizer {
  /** tokenizer.json, or what the tokenizer's class builds in its place. */
  tokenizer: unknown;
  /** Tokens to add to it. */
  added: readonly TokenToAdd[];
  /** `bos_token`, `eos_token` and so on. */
  named: Readonly<Record<string, string>>;
  /** `split_special_tokens`: special tokens in a text are read as plain text. */
  splitsSpecialTokens: boolean;
}

export function readAutoTokenizer(parts: TokenizerParts): AutoTokenizer {
  const json = objectOf(parts.tokenizer);
  const config = objectOf(parts.config);
  const name = isBpe(json)
    ? classOf({ config, modelConfig: parts.modelConfig, tokenizer: json })
    : "file";
  const own = json["added_tokens"];
  const { named, added } = namedTokens(
    {
      config,
      specialTokensMap: objectOf(parts.specialTokensMap),
      addedTokens: objectOf(parts.addedTokens),
      own: Array.isArray(own) ? (own as unknown[]) : [],
    },
    defaultTokens[name],
    name === "file",
  );
  return {
    tokenizer: name === "file" ? parts.tokenizer : rebuilt(json, { name, config, named }),
    added,
    named,
    splitsSpecialTokens: config["split_special_tokens"] === true,
  };
}

function isBpe(json: JsonObject): boolean {
  const model = objectOf(json["model"]);
  return model["type"] === "BPE" || (model["type"] === undefined && isObject(model["vocab"]));
}

function objectOf(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}
