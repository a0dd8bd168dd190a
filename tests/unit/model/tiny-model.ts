// A Llama of a few hundred values with the real tokenizer of the golden files: a model folder in
// memory.
import { blobSource } from "../../../src/formats/byte-source.ts";
import { readFile } from "node:fs/promises";
import { encodeSafetensors, type TensorData } from "../../../src/formats/safetensors-write.ts";
import { parseModelConfig } from "../../../src/model/config/parse.ts";
import { tensorsOf } from "../../../src/model/tensors.ts";
import type { FileSet } from "../../../src/sources/files.ts";
import { uniforms } from "../../../src/util/random.ts";

const tokenizer = new URL("../../golden/tokenization/bos-bpe/", import.meta.url);
const tokenizerText = await readFile(new URL("tokenizer.json", tokenizer), "utf8");
const tokenizerConfig = await readFile(new URL("tokenizer_config.json", tokenizer), "utf8");

export const tinyConfig = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 320,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 64,
  tie_word_embeddings: true,
  eos_token_id: 1,
};

/** All tensors of the config in F32, drawn from a seed, within 0.5 of zero. */
export function tinyTensors(config: object = tinyConfig): TensorData[] {
  return tensorsOf(parseModelConfig(JSON.stringify(config))).map(({ name, shape }, index) => ({
    name,
    dtype: "F32",
    shape: [...shape],
    data: uniforms(
      1,
      index,
      shape.reduce((product, size) => product * size, 1),
    ).map((draw) => draw - 0.5),
  }));
}

export const tensorFile = (tensors: readonly TensorData[]) =>
  new Blob([encodeSafetensors(tensors)]);

/** The folder, with files put in, put in place of its own, or (as null) taken out. */
export function tinyFolder(changes: Changes = {}): FileSet {
  const files = [...tinyContents(changes)];
  return {
    source: "files",
    name: "tiny",
    files: new Map(files.map(([name, blob]) => [name, blobSource(blob, name)])),
  };
}

type Changes = Record<string, Blob | string | null>;

export function tinyContents(changes: Changes = {}): Map<string, Blob> {
  const files: Changes = {
    "config.json": JSON.stringify(tinyConfig),
    "tokenizer.json": tokenizerText,
    "tokenizer_config.json": tokenizerConfig,
    "model.safetensors": tensorFile(tinyTensors()),
    ...changes,
  };
  return new Map(
    Object.entries(files).flatMap(([name, content]) =>
      content === null ? [] : [[name, new Blob([content])] as const],
    ),
  );
}
