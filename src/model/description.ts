// The description of a model, from its small files: config, tokenizer, stop tokens. No weights are
// read, so these may be stored elsewhere.
import { textOf, type FileSet } from "../sources/files.ts";
import type { TemplateRenderer } from "./chat-template/render.ts";
import { parseModelConfig, parseStopTokens } from "./config/parse.ts";
import type { GgufModel } from "./gguf/open.ts";
import { isTokenizerFile, readTokenizerFiles } from "./tokenizer/files.ts";
import { parseTokenizer, type ModelTokenizer } from "./tokenizer/tokenizer.ts";
import type { ModelConfig } from "./config/model-config.ts";

export interface Description {
  config: ModelConfig;
  tokenizer: ModelTokenizer;
  /** Tokens at which generation ends. */
  stopTokens: number[];
  /**
   * The files it was read from, by name. A model whose weights are cached is reopened from these.
   */
  texts: ReadonlyMap<string, string>;
}

/**
 * Reads a folder's description.
 * @param render where chat templates run; see `parseTokenizer`
 * @throws UserError "missing-file", "bad-config", "unsupported-architecture", "bad-tokenizer" or
 * "vocabulary-mismatch"
 */
export async function openDescription(
  set: FileSet,
  render?: TemplateRenderer,
): Promise<Description> {
  const texts = new Map<string, string>();
  const read = async (name: string) => {
    const text = await textOf(set, name);
    texts.set(name, text);
    return text;
  };
  const configText = await read("config.json");
  const config = parseModelConfig(configText);
  const generation = "generation_config.json";
  const generationText = set.files.has(generation) ? await read(generation) : null;
  const eosIds = parseStopTokens(configText, generationText);
  await read("tokenizer.json");
  for (const name of set.files.keys()) {
    if (isTokenizerFile(name) && !texts.has(name)) {
      await read(name);
    }
  }
  const tokenizer = parseTokenizer(readTokenizerFiles(texts, eosIds), config.vocabSize, render);
  return { config, tokenizer, stopTokens: stopsOf(eosIds, tokenizer), texts };
}

/**
 * The description of a model whose files have a head of their own although its config ties it to
 * the embedding. Its config.json says so from here on, also where the model is stored.
 */
export function withOwnHead({ config, texts, ...rest }: Description): Description {
  const name = "config.json";
  const fields = JSON.parse(texts.get(name) ?? "{}") as Record<string, unknown>;
  const text = JSON.stringify({ ...fields, tie_word_embeddings: false }, null, 2);
  return {
    ...rest,
    config: { ...config, tieWordEmbeddings: false },
    texts: new Map([...texts, [name, text]]),
  };
}

/**
 * The same from a GGUF file, with the texts that a folder would have.
 * @param fileName for errors
 */
export function describeGguf(
  { config: fields, tokenizer: { json, config: tokenizerConfig }, stopTokens: eosIds }: GgufModel,
  fileName: string,
  render?: TemplateRenderer,
): Description {
  const configText = JSON.stringify(fields);
  const config = parseModelConfig(configText, fileName);
  const parts = {
    tokenizer: json,
    config: tokenizerConfig,
    modelConfig: fields,
    eosIds,
    file: fileName,
  };
  const tokenizer = parseTokenizer(parts, config.vocabSize, render);
  const texts = new Map([
    ["config.json", configText],
    ["generation_config.json", JSON.stringify({ eos_token_id: eosIds })],
    ["tokenizer.json", JSON.stringify(json)],
    ["tokenizer_config.json", JSON.stringify(tokenizerConfig)],
  ]);
  return { config, tokenizer, stopTokens: stopsOf(eosIds, tokenizer), texts };
}

function stopsOf(eosIds: readonly number[], { eosId }: ModelTokenizer): number[] {
  return [...new Set([...eosIds, eosId])];
}
