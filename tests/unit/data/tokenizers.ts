// The two real tokenizers of the golden files: one that puts <s> in front, and the demo's with
// ChatML.
import { readFile } from "node:fs/promises";
import { parseTokenizer, type ModelTokenizer } from "../../../src/model/tokenizer/tokenizer.ts";
import { readTokenizerFiles } from "../../../src/model/tokenizer/files.ts";

const repository = new URL("../../../", import.meta.url);

export const tokenizerFolders = {
  "bos-bpe": "tests/golden/tokenization/bos-bpe",
  demo: "public/demo/model",
} as const;
export type TokenizerName = keyof typeof tokenizerFolders;

export async function openTokenizer(name: TokenizerName): Promise<ModelTokenizer> {
  const read = (file: string) =>
    readFile(new URL(`${tokenizerFolders[name]}/${file}`, repository), "utf8");
  const names = ["tokenizer.json", "tokenizer_config.json"];
  const texts = await Promise.all(names.map(async (file) => [file, await read(file)] as const));
  return parseTokenizer(readTokenizerFiles(new Map(texts), []), 1024);
}
