// Writes a model of TinyLlama's shape with random weights: 1.1 B parameters, 2.2 GB in two files.
import { closeSync, copyFileSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { safetensorsParts, type TensorData } from "../../src/formats/safetensors-write.ts";
import { parseModelConfig } from "../../src/model/config/parse.ts";
import { tensorsOf, type TensorSpec } from "../../src/model/tensors.ts";
import { uniforms } from "../../src/util/random.ts";

/** From config.json of TinyLlama-1.1B. */
const config = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  hidden_size: 2048,
  intermediate_size: 5632,
  num_hidden_layers: 22,
  num_attention_heads: 32,
  num_key_value_heads: 4,
  vocab_size: 32000,
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  hidden_act: "silu",
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
};

const demoFolder = fileURLToPath(new URL("../../public/demo/model/", import.meta.url));

/** Period of the random values: an odd number that no row length divides. */
const periodValues = 2 ** 22 + 1;

export interface LargeCheckpoint {
  parameters: number;
  /** Bytes of the stored weights. */
  sizeBytes: number;
  largestTensorBytes: number;
}

/** Fills an empty folder: config, the demo's tokenizer, two files of weights and their index. */
export function writeLargeCheckpoint(folder: string): LargeCheckpoint {
  const text = JSON.stringify(config);
  writeFileSync(join(folder, "config.json"), text);
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    copyFileSync(join(demoFolder, name), join(folder, name));
  }
  const specs = tensorsOf(parseModelConfig(text));
  const sizes = specs.map(valuesOf);
  const largest = Math.max(...sizes);
  const pool = randomBf16(largest + periodValues);
  const half = specs.length / 2;
  const index: Record<string, string> = {};
  for (const part of [0, 1]) {
    const file = `model-0000${part + 1}-of-00002.safetensors`;
    const own = specs.filter((_, place) => place >= half === (part === 1));
    own.forEach(({ name }) => (index[name] = file));
    const tensors = own.map((spec) => tensorFrom(pool, spec, specs.indexOf(spec)));
    writeParts(join(folder, file), safetensorsParts(tensors, { format: "pt" }));
  }
  writeFileSync(
    join(folder, "model.safetensors.index.json"),
    JSON.stringify({ metadata: {}, weight_map: index }),
  );
  const parameters = sizes.reduce((sum, size) => sum + size, 0);
  return { parameters, sizeBytes: 2 * parameters, largestTensorBytes: 2 * largest };
}

/** Uniform numbers of standard deviation 0.02 in bf16, truncated from f32. */
function randomBf16(count: number): Uint16Array {
  const values = uniforms(1, 2, periodValues).map((value) => (value - 0.5) * 0.0693);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const pool = new Uint16Array(count);
  words.forEach((word, place) => (pool[place] = word >>> 16));
  for (let filled = periodValues; filled < count; filled *= 2) {
    pool.copyWithin(filled, 0, filled);
  }
  return pool;
}

/** Each tensor starts at another offset of the random numbers. */
function tensorFrom(pool: Uint16Array, spec: TensorSpec, place: number): TensorData {
  const begin = (place * 65_537) % periodValues;
  const { name, shape } = spec;
  return { name, shape, dtype: "BF16", data: pool.subarray(begin, begin + valuesOf(spec)) };
}

function valuesOf({ shape }: TensorSpec): number {
  return shape.reduce((product, size) => product * size, 1);
}

function writeParts(path: string, parts: readonly Uint8Array[]): void {
  const file = openSync(path, "w");
  for (const part of parts) {
    for (let at = 0; at < part.length;) {
      at += writeSync(file, part, at);
    }
  }
  closeSync(file);
}
