// One made-up run on each engine, to compare the compiled engine with the reference.
import type { LoraConfig } from "../../src/adapter/lora.ts";
import type { AdapterState } from "../../src/adapter/state.ts";
import type { TokenBatch } from "../../src/data/batching/batch.ts";
import type { Engine, StepHyper } from "../../src/engine/contract.ts";
import { createTfjsEngine, type TfjsEngine } from "../../src/engine/tfjs/engine.ts";
import type { MemoryChoice } from "../../src/engine/webgpu/memory-choice.ts";
import { createWebGpuEngine, type WebGpuEngine } from "../../src/engine/webgpu/engine.ts";
import { openMachine } from "../../src/engine/tfjs/backend.ts";
import { madeUpAdapter, madeUpBatch, madeUpWeights } from "./made-up-model.ts";
import type { OpenDevice } from "../../src/gpu/open-device.ts";
import type { ModelConfig } from "../../src/model/config/model-config.ts";

export interface Setting {
  name: string;
  config: ModelConfig;
  lora: LoraConfig;
  /** Lengths of the segments of each row of a micro-batch. */
  rows: number[][];
  microBatches: number;
  memoryChoice: MemoryChoice;
}

/** Tokens of a row. */
export const length = 24;

/** Step 1 is not clipped; the learning rate warms up over five steps. */
export const hyper = (step: number): StepHyper => ({
  step,
  learningRate: 2e-3 * Math.min(1, step / 5),
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: step === 1 ? 0 : 1,
  seed: 11,
});

/** Four different steps, repeated. */
export function batchesOf({ config, rows, microBatches }: Setting, step: number): TokenBatch[] {
  return Array.from({ length: microBatches }, (_, index) =>
    madeUpBatch(config, rows, length, 100 * (step % 4) + index),
  );
}

const common = ({ config, lora, rows }: Setting) => ({
  config,
  lora,
  shape: { rows: rows.length, length },
  weights: madeUpWeights(config),
  progress: () => undefined,
  signal: new AbortController().signal,
});

export async function compiledOf(setting: Setting, opened: OpenDevice): Promise<WebGpuEngine> {
  const { config, lora, memoryChoice } = setting;
  const engine = await createWebGpuEngine({ ...common(setting), opened, memoryChoice });
  engine.writeState(madeUpAdapter(config, lora));
  return engine;
}

export async function referenceOf(setting: Setting): Promise<TfjsEngine> {
  const { config, lora } = setting;
  const machine = await openMachine("cpu");
  const engine = await createTfjsEngine({ ...common(setting), machine });
  engine.writeState(madeUpAdapter(config, lora));
  return engine;
}

export interface Curve {
  losses: number[];
  gradNorms: number[];
  /** After the first step, whose first moments are a tenth of the gradients. */
  first: AdapterState;
  last: AdapterState;
}

export async function train(
  engine: Engine,
  setting: Setting,
  from = 1,
  until = 20,
): Promise<Curve> {
  const curve: Omit<Curve, "last"> = { losses: [], gradNorms: [], first: { tensors: [] } };
  for (let step = from; step <= until; step++) {
    const batches = batchesOf(setting, step);
    const { lossSum, supervisedTokens, gradNorm } = await engine.step(batches, hyper(step));
    curve.losses.push(lossSum / supervisedTokens);
    curve.gradNorms.push(gradNorm);
    if (step === from) {
      curve.first = await engine.readState();
    }
  }
  return { ...curve, last: await engine.readState() };
}
