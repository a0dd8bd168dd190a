// Runs of tiny models of tests/golden for a Trainer to go on from: made-up rows, twenty steps on
// the reference engine, and the run as it was at step 10.
import { readFile } from "node:fs/promises";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import type { Dataset } from "../../../src/data/dataset.ts";
import type { Engine } from "../../../src/engine/contract.ts";
import { openMachine } from "../../../src/engine/tfjs/backend.ts";
import { createTfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import { labelSmoothing } from "../../../src/engine/label-smoothing.ts";
import type { TargetModule } from "../../../src/recipe/options.ts";
import { defaultRecipe, type Recipe } from "../../../src/recipe/recipe.ts";
import { initialState, train } from "../../../src/train/trainer.ts";
import { openGolden, type GoldenCase } from "../../support/golden.ts";
import { madeUpDataset } from "../../unit/train/made-up-data.ts";

/** Options under which moments, decay, clipping and the schedule all count. */
const base: Partial<Recipe> = {
  ...{ learningRate: 0.005, warmupSteps: 4, weightDecay: 0.1, beta2: 0.99, maxGradNorm: 0.5 },
  ...{ batchSize: 3, gradientAccumulationSteps: 2, maxSteps: 20, evalSteps: 5, seed: 3 },
  earlyStoppingPatience: 0,
};

/** A kind of model with the options that it tries. */
export const cases = {
  "gqa-untied": { schedule: "linear" },
  qwen3: { schedule: "cosine" },
  gemma3: { schedule: "constant" },
  phi3: { schedule: "linear", warmupSteps: 0.25 },
  smollm3: { schedule: "cosine", labelSmoothing: 0.1 },
} satisfies Partial<Record<GoldenCase, Partial<Recipe>>>;

export const savedStep = 10;

export interface TrainedCase {
  dataset: Dataset;
  /** At `savedStep`. */
  run: RunState;
  /** Of every step. */
  losses: number[];
  rates: number[];
}

/** @param options beside those of its case */
export async function trainedCase(
  name: keyof typeof cases,
  options: Partial<Recipe> = {},
): Promise<TrainedCase> {
  const golden = await openGolden(
    name,
    async (path) => new Blob([await readFile(new URL(`../../golden/${path}`, import.meta.url))]),
  );
  const { rank, alpha } = golden.lora;
  const targetModules = golden.lora.targetModules as TargetModule[];
  const recipe = { ...defaultRecipe, ...base, ...cases[name], rank, alpha, targetModules };
  Object.assign(recipe, options);
  const dataset = madeUpDataset(24, 6);
  const engine = await createTfjsEngine({
    ...{ machine: await openMachine("cpu"), config: golden.config, lora: recipe },
    ...{ shape: { rows: recipe.batchSize, length: 8 }, weights: golden.weights },
    ...{ progress: () => undefined, signal: new AbortController().signal },
    objective: recipe.labelSmoothing > 0 ? labelSmoothing(recipe.labelSmoothing) : null,
  });
  const start = { ...identityOf(name), recipe, trainer: initialState(dataset, recipe) };
  return await trained(engine, dataset, { ...start, adapter: golden.initial });
}

/** Trains a run to its end; the engine is disposed. */
export async function trained(
  engine: Engine,
  dataset: Dataset,
  run: RunState,
): Promise<TrainedCase> {
  const { recipe, trainer } = run;
  const { signal } = new AbortController();
  engine.writeState(run.adapter);
  const runs: RunState[] = [];
  for await (const { entry } of train(engine, dataset, recipe, trainer, false, signal)) {
    if (entry.step === savedStep) {
      runs.push(structuredClone({ ...run, adapter: await engine.readState() }));
    }
  }
  engine.dispose();
  const steps = trainer.log.filter(({ loss }) => loss !== undefined);
  return {
    dataset,
    run: runs[0]!,
    losses: steps.map(({ loss = NaN }) => loss),
    rates: steps.map(({ learningRate = NaN }) => learningRate),
  };
}

function identityOf(name: string): Omit<RunState, "recipe" | "trainer" | "adapter"> {
  const sha256 = "0".repeat(64);
  return {
    ...{ runId: name, startedAt: 0 },
    base: {
      ...{ source: "files", name, hubName: null, revision: null, indexSha256: sha256 },
      ...{ weightFormat: "stored", licence: null },
    },
    data: {
      ...{ source: "file", name: "rows.jsonl", sizeBytes: 0, sha256, rows: 30 },
      heldOutLines: [25, 26, 27, 28, 29, 30],
    },
  };
}
