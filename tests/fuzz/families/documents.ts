// JSON documents of a model or an adapter: config, shard index, PEFT config, recipe.
import { readFileSync } from "node:fs";
import { encodeSafetensors } from "../../../src/formats/safetensors-write.ts";
import {
  parseModelConfig,
  parseModelSizes,
  parseStopTokens,
} from "../../../src/model/config/parse.ts";
import { ConfigFields } from "../../../src/model/config/fields.ts";
import { parseQuantisation, schemeOf } from "../../../src/model/quantised/scheme.ts";
import { parseShardIndex } from "../../../src/model/folder/shard-index.ts";
import { tensorsOf } from "../../../src/model/tensors.ts";
import { tools } from "../../../src/recipe/import.ts";
import { readStartAdapter } from "../../../src/run/start-adapter.ts";
import { parseRecipe } from "../../../src/recipe/parse.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import { importRecipeFile } from "../../../src/session/recipe-file.ts";
import { UserError } from "../../../src/util/errors.ts";
import { bytesOf, pack, textOf, unpack, type Bytes, type Family } from "../family.ts";
import { MemoryBlob } from "../memory-blob.ts";
import { mutateBytes, mutateParts, mutateSafetensors } from "../mutate.ts";

const golden = (path: string): Bytes =>
  new Uint8Array(readFileSync(new URL(`../../golden/${path}`, import.meta.url)));

const configs = [
  "gqa-untied",
  "llama3-rope",
  "linear-rope",
  "yarn-rope",
  "qwen3",
  "smollm3",
  "gemma2",
];
const moreConfigs = ["gemma3", "phi3", "phi3-longrope", "mistral"];

/** One layer with one adapted module. */
function smallAdapter(): Bytes {
  const path = "base_model.model.model.layers.0.self_attn.q_proj";
  const values = Float32Array.of(0.5, -1, 2, 0);
  return encodeSafetensors([
    { name: `${path}.lora_A.weight`, dtype: "F32", shape: [2, 2], data: values },
    { name: `${path}.lora_B.weight`, dtype: "F32", shape: [2, 2], data: values },
  ]);
}

/** The model that these adapters are for. */
const adapted = parseModelConfig(
  JSON.stringify({
    ...{ architectures: ["LlamaForCausalLM"], model_type: "llama", hidden_act: "silu" },
    ...{ hidden_size: 2, intermediate_size: 4, num_hidden_layers: 1, vocab_size: 8 },
    ...{ num_attention_heads: 1, num_key_value_heads: 1, max_position_embeddings: 64 },
    ...{ rms_norm_eps: 1e-5, rope_theta: 10_000, tie_word_embeddings: true },
  }),
);

/** The same matrices under MLX's names. */
function smallMlxAdapter(): Bytes {
  const path = "model.layers.0.self_attn.q_proj";
  const values = Float32Array.of(0.5, -1, 2, 0);
  return encodeSafetensors([
    { name: `${path}.lora_a`, dtype: "F32", shape: [2, 2], data: values },
    { name: `${path}.lora_b`, dtype: "F32", shape: [2, 2], data: values },
  ]);
}

const mlxConfig = {
  ...{ fine_tune_type: "lora", num_layers: 1 },
  lora_parameters: { rank: 2, scale: 20, dropout: 0, keys: ["self_attn.q_proj"] },
};

async function openAdapter(input: Bytes, weightsName: string): Promise<void> {
  const [config, weights] = unpack(input, 2);
  const files = [
    new File([textOf(config!)], "adapter_config.json"),
    new File([weights!], weightsName),
  ];
  await readStartAdapter(files, adapted, defaultRecipe);
}

const peftConfig = {
  ...{ peft_type: "LORA", task_type: "CAUSAL_LM", r: 2, lora_alpha: 4, lora_dropout: 0.1 },
  ...{ target_modules: ["q_proj"], bias: "none", init_lora_weights: true, use_rslora: false },
  ...{ modules_to_save: null, rank_pattern: {}, megatron_config: null, revision: null },
};

export const documentFamilies: readonly Family[] = [
  {
    name: "peft",
    words: ["q_proj", "lora_A", "r", "LORA", "F16", "BF16", "gaussian", "pissa", "shape", "dtype"],
    seeds: () => [pack([bytesOf(JSON.stringify(peftConfig)), smallAdapter()])],
    mutate: mutateParts(mutateBytes, mutateSafetensors),
    run: (input) => openAdapter(input, "adapter_model.safetensors"),
  },
  {
    name: "mlx-adapter",
    words: ["q_proj", "lora_a", "lora_parameters", "scale", "fine_tune_type", "dora", "num_layers"],
    seeds: () => [pack([bytesOf(JSON.stringify(mlxConfig)), smallMlxAdapter()])],
    mutate: mutateParts(mutateBytes, mutateSafetensors),
    run: (input) => openAdapter(input, "adapters.safetensors"),
  },
  {
    name: "config",
    words: [
      ...["LlamaForCausalLM", "Gemma3ForCausalLM", "Phi3ForCausalLM", "rope_scaling", "llama3"],
      ...["longrope", "linear", "layer_types", "sliding_attention", "head_dim", "eos_token_id"],
      ...["quantization", "quantization_config", "bits", "group_size", "num_hidden_layers"],
    ],
    seeds: () => [...configs, ...moreConfigs].map((name) => golden(`${name}/config.json`)),
    run: (input) => {
      const text = textOf(input);
      tensorsOf(parseModelConfig(text));
      parseModelSizes(text);
      parseStopTokens(text, text);
      parseQuantisation(ConfigFields.parse(text, "config.json"));
    },
    // A thousand layers, each with its tensors' names and shapes.
    extraBytes: 16 * 2 ** 20,
  },
  {
    name: "quantisation",
    words: ["quantization", "bits", "group_size", "mode", "affine", "bitsandbytes", "load_in_4bit"],
    seeds: () =>
      [
        { quantization: { group_size: 64, bits: 4, "model.layers.0.mlp.up_proj": { bits: 8 } } },
        { quantization: { group_size: 32, bits: 6, mode: "affine", lm_head: false } },
        { quantization_config: { quant_method: "bitsandbytes", load_in_4bit: true } },
      ].map((fields) => bytesOf(JSON.stringify(fields))),
    run: (input) => {
      const scheme = parseQuantisation(ConfigFields.parse(textOf(input), "config.json"));
      if (scheme.kind === "mlx") {
        schemeOf(scheme, "model.layers.0.mlp.up_proj");
        schemeOf(scheme, "__proto__");
      }
    },
  },
  {
    name: "shard-index",
    words: ["weight_map", "metadata", "total_size", ".safetensors", "../", "\\u0000", "__proto__"],
    seeds: () => [
      bytesOf(
        '{"metadata": {"total_size": 1.5e9, "x": null}, "weight_map": {"a.weight": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}',
      ),
    ],
    run: (input) => parseShardIndex(textOf(input)),
  },
  {
    name: "recipe",
    words: [...Object.keys(defaultRecipe), "q_proj", "linear", "cosine"],
    seeds: () => [
      bytesOf(JSON.stringify(defaultRecipe)),
      bytesOf('{"rank": 8, "targetModules": ["q_proj"], "schedule": "cosine", "packing": true}'),
    ],
    run: (input) => parseRecipe(parsedJson(textOf(input)), defaultRecipe),
  },
  {
    name: "foreign-recipe",
    words: [
      ...tools.flatMap(({ rules, flat, nested }) => [...rules.keys(), ...flat, ...nested]),
      ...["&a ", "*a", "<<: ", "- ", "? ", "|\n", ">\n", "!!", "---\n", "%YAML 1.1\n", "'", "#"],
      ...["\n  ", ": ", "[", "{", "null", "None", "no", "-1", "1e-5", ".inf", "__proto__"],
    ],
    seeds: () =>
      ["sft-config.json", "lora-config.json", "mlx-lm.yaml", "axolotl.yaml"].map((name) =>
        golden(`recipes/${name}`),
      ),
    run: (input) => importRecipeFile(new MemoryBlob(input), "recipe"),
  },
];

/** The recipe parser receives a parsed value, so the JSON is parsed here. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UserError("bad-recipe", "It is not JSON.", { remedy: "Correct it." });
  }
}
