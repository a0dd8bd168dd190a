// Trains models of real sizes with the compiled engine and with PyTorch + PEFT, on machines with a
// GPU.
import { spawnSync } from "node:child_process";
import { linearsOfLayer } from "../../../src/model/tensors.ts";
import { measureSteps, type OpenEngine } from "./engine-runs.ts";
import type { GpuMeter } from "../gpu-meter.ts";
import { demo, llama1B, lora, smolLM2, type Model } from "../shapes.ts";
import type { ModelConfig } from "../../../src/model/config/model-config.ts";

export interface TrainingRow {
  model: string;
  tokens: number;
  program: string;
  tokensPerSecond: number;
  /** Share of the GPU's fp32 peak, counting only matrix products. */
  peakShare: number;
}

type Timed = Omit<TrainingRow, "peakShare">;

/** One sequence per step. */
export interface TrainingWork {
  models: readonly Model[];
  tokens: number;
}

export function trainingWork(quick: boolean): TrainingWork {
  return quick ? { models: [demo], tokens: 64 } : { models: [smolLM2, llama1B], tokens: 1024 };
}

export async function trainCompiled(
  open: OpenEngine,
  { models, tokens }: TrainingWork,
  meter: GpuMeter,
): Promise<Timed[]> {
  const rows: Timed[] = [];
  for (const model of models) {
    const { tokensPerSecond } = await measureSteps(open, { model, tokens }, meter);
    rows.push({ model: model.name, tokens, program: "compiled", tokensPerSecond });
  }
  return rows;
}

/** The same models with PEFT in fp32 and bf16; none where it is not installed. */
export function trainWithPeft(
  python: string,
  script: string,
  { models, tokens }: TrainingWork,
): Timed[] {
  const wanted = {
    tokens,
    lora,
    models: models.map(({ name, config }) => ({ name, config: pythonConfig(config) })),
  };
  const { status, stdout, error } = spawnSync(python, [script, JSON.stringify(wanted)], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (error !== undefined) {
    console.log(`No PEFT: ${error.message}`);
    return [];
  }
  if (status !== 0) {
    throw new Error(`${script} ended with exit code ${status}.`);
  }
  const answer = JSON.parse(stdout) as Timed[] | { missing: string };
  if ("missing" in answer) {
    console.log(`No PEFT: ${python} has no ${answer.missing}.`);
    return [];
  }
  return answer;
}

export function withPeakShare(
  rows: readonly Timed[],
  { models }: TrainingWork,
  peakTflops: number,
): TrainingRow[] {
  return rows.map((row) => {
    const model = models.find(({ name }) => name === row.model);
    const flops = model === undefined ? NaN : flopsPerToken(model.config);
    return { ...row, peakShare: (row.tokensPerSecond * flops) / (peakTflops * 1e12) };
  });
}

/**
 * Operations per token: two per weight forward and two for the gradient of its input. Frozen
 * weights have no gradient.
 */
function flopsPerToken(config: ModelConfig): number {
  const layer = linearsOfLayer(config, 0).reduce(
    (sum, { inFeatures, outFeatures }) => sum + inFeatures * outFeatures,
    0,
  );
  return 4 * (layer * config.numHiddenLayers + config.hiddenSize * config.vocabSize);
}

/** The config under the names of transformers' LlamaConfig. */
function pythonConfig(config: ModelConfig): object {
  return {
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    num_key_value_heads: config.numKeyValueHeads,
    head_dim: config.headDim,
    max_position_embeddings: config.maxPositionEmbeddings,
    tie_word_embeddings: config.tieWordEmbeddings,
  };
}
