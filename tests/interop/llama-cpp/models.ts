// Tiny models of every kind with random weights, a run with a random adapter for each, and what our
// engine makes of them. Square and non-square modules, asymmetric A and B: no missing transpose can
// pass.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { AdapterState } from "../../../src/adapter/state.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { openMachine } from "../../../src/engine/tfjs/backend.ts";
import { createTfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openDescription } from "../../../src/model/description.ts";
import { openModel, type BaseModel, type OpenedModel } from "../../../src/model/open.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import { allTargetModules } from "../../../src/recipe/options.ts";
import { madeUpAdapter, madeUpWeights } from "../../support/made-up-model.ts";

/** Heads of 16 in 64 dimensions: q and o are square, the others are not. */
const sizes = {
  vocab_size: 320,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 16,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: false,
  // Defaults of some classes are beyond the vocabulary.
  ...{ bos_token_id: 0, eos_token_id: 1, pad_token_id: 1 },
};
const theta = { rope_type: "default", rope_theta: 10_000 };
const llama = { architectures: ["LlamaForCausalLM"], model_type: "llama", ...sizes };
const phi3 = {
  architectures: ["Phi3ForCausalLM"],
  model_type: "phi3",
  ...sizes,
  sliding_window: null,
};
const gemma = { ...sizes, tie_word_embeddings: true, sliding_window: 8, head_dim: 32 };

/** A config.json for each kind. Texts are longer than Gemma's windows. */
export const configs: Readonly<Record<string, object>> = {
  Llama: { ...llama, rope_parameters: theta },
  "Llama tied": { ...llama, tie_word_embeddings: true, rope_parameters: theta },
  "Llama 3 RoPE": {
    ...llama,
    rope_parameters: {
      ...{
        rope_type: "llama3",
        rope_theta: 10_000,
        factor: 8,
        original_max_position_embeddings: 8192,
      },
      ...{ low_freq_factor: 1, high_freq_factor: 4 },
    },
  },
  "Llama YaRN": {
    ...llama,
    rope_parameters: {
      ...{ rope_type: "yarn", rope_theta: 10_000, factor: 4, original_max_position_embeddings: 32 },
    },
  },
  "Llama linear RoPE": {
    ...llama,
    rope_parameters: { rope_type: "linear", rope_theta: 10_000, factor: 4 },
  },
  Mistral: {
    ...llama,
    ...{ architectures: ["MistralForCausalLM"], model_type: "mistral", sliding_window: null },
    rope_parameters: theta,
  },
  "Qwen 2": {
    ...{ architectures: ["Qwen2ForCausalLM"], model_type: "qwen2", ...sizes },
    ...{ use_sliding_window: false, rope_parameters: theta },
  },
  "Qwen 3": {
    ...{ architectures: ["Qwen3ForCausalLM"], model_type: "qwen3", ...sizes, head_dim: 32 },
    ...{ use_sliding_window: false, rope_parameters: theta },
  },
  SmolLM3: {
    ...{ architectures: ["SmolLM3ForCausalLM"], model_type: "smollm3", ...sizes },
    ...{ no_rope_layer_interval: 4, rope_parameters: theta },
  },
  "Gemma 2": {
    ...{ architectures: ["Gemma2ForCausalLM"], model_type: "gemma2", ...gemma },
    ...{ query_pre_attn_scalar: 32, rope_parameters: theta },
  },
  "Gemma 3": {
    ...{ architectures: ["Gemma3ForCausalLM"], model_type: "gemma3_text", ...gemma },
    ...{ num_hidden_layers: 7, query_pre_attn_scalar: 32 },
    ...{ rope_theta: 1_000_000, rope_local_base_freq: 10_000 },
  },
  "Phi-3": { ...phi3, rope_parameters: theta },
  "Phi-3 longrope": {
    ...phi3,
    original_max_position_embeddings: 256,
    rope_parameters: {
      ...{ rope_type: "longrope", rope_theta: 10_000 },
      ...{ short_factor: [1, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6] },
      ...{ long_factor: [1, 1.5, 2, 3, 4, 6, 8, 12] },
    },
  },
};

export interface Case {
  model: BaseModel;
  run: RunState;
}

const tokenizer = new URL("../../golden/tokenization/bos-bpe/", import.meta.url);

export async function caseOf(name: string): Promise<Case> {
  const files = new Map([["config.json", JSON.stringify(configs[name])]]);
  for (const file of ["tokenizer.json", "tokenizer_config.json"]) {
    files.set(file, readFileSync(new URL(file, tokenizer), "utf8"));
  }
  const description = await openDescription({
    source: "files",
    name,
    files: new Map([...files].map(([file, text]) => [file, blobSource(new Blob([text]), file)])),
  });
  const { config } = description;
  const recipe = { ...defaultRecipe, rank: 4, alpha: 24, targetModules: [...allTargetModules] };
  return {
    model: {
      ...description,
      ...{ name, licence: null, hubGuess: null, parameters: 0, sizeBytes: 0, dtype: "F32" },
      ...{ indexSha256: "", formerSha256: "", weights: madeUpWeights(config) },
    },
    run: {
      ...{ runId: "interop", startedAt: 0, recipe },
      base: {
        ...{ source: "files", name, hubName: null, revision: null, indexSha256: "" },
        ...{ weightFormat: "stored", licence: null },
      },
      data: { source: "file", name: "", sizeBytes: 0, sha256: "", rows: 0, heldOutLines: [] },
      trainer: {
        ...{ step: 1, totalSteps: 1, cursor: { epoch: 0, row: 0 }, tokensSeen: 0, best: null },
        log: [],
      },
      adapter: madeUpAdapter(config, recipe),
    },
  };
}

/** Ten prompts of 3 to 21 tokens. */
export const prompts = Array.from({ length: 10 }, (_, i) =>
  Array.from({ length: 3 + 2 * i }, (_, at) => 2 + ((37 * i + 101 * at + at * at) % 318)),
);

/** Probabilities of every token after each prompt by the reference engine: [base, adapter]. */
export async function ourProbabilities({
  model,
  run,
  asked = prompts,
}: Pick<Case, "run"> & {
  model: Pick<BaseModel, "config" | "weights">;
  asked?: readonly (readonly number[])[];
}): Promise<[number[][], number[][]]> {
  const engine = await createTfjsEngine({
    ...{ machine: await openMachine("cpu"), config: model.config, lora: run.recipe },
    ...{ shape: { rows: 1, length: 8 }, weights: model.weights, progress: () => undefined },
    signal: new AbortController().signal,
  });
  engine.writeState(run.adapter);
  const results: [number[][], number[][]] = [[], []];
  for (const prompt of asked) {
    results[0].push(softmax(await engine.nextLogits(prompt, false)));
    results[1].push(softmax(await engine.nextLogits(prompt, true)));
  }
  engine.dispose();
  return results;
}

function softmax(logits: Float32Array): number[] {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** A GGUF file through our own reader: its weights as the file has them. */
export async function opened(path: string): Promise<OpenedModel> {
  const file = blobSource(new Blob([readFileSync(path)]), basename(path));
  return await openModel({ source: "files", name: "", files: new Map([[file.name, file]]) });
}

/** A copy of an adapter with other values in some tensors. */
export function changed(
  adapter: AdapterState,
  change: (tensor: AdapterState["tensors"][number]) => Float32Array | null,
): AdapterState {
  return {
    tensors: adapter.tensors.map((tensor) => ({
      ...tensor,
      values: change(tensor) ?? tensor.values,
    })),
  };
}
