// A tiny real model on the CPU backend with made-up data: everything that a training run needs, in
// milliseconds.
import { readFile } from "node:fs/promises";
import type { AdapterState } from "../../../src/adapter/state.ts";
import type { TfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import { openMachine } from "../../../src/engine/tfjs/backend.ts";
import type { TargetModule } from "../../../src/recipe/options.ts";
import { defaultRecipe, type Recipe } from "../../../src/recipe/recipe.ts";
import { goldenEngine, openGolden, untrained } from "../../support/golden.ts";

const golden = await openGolden(
  "gqa-untied",
  async (path) => new Blob([await readFile(new URL(`../../golden/${path}`, import.meta.url))]),
);

/** The adapter's start; B is not zero, so that A learns from the first step on. */
export const startingAdapter: AdapterState = golden.initial;

/** The same with B at zero: the base model. */
export const untrainedAdapter: AdapterState = untrained(golden.initial);

export const tinyRecipe: Recipe = {
  ...defaultRecipe,
  rank: golden.lora.rank,
  alpha: golden.lora.alpha,
  targetModules: golden.lora.targetModules as TargetModule[],
  learningRate: 0.01,
  batchSize: 2,
  gradientAccumulationSteps: 2,
  warmupSteps: 2,
  schedule: "cosine",
  maxSteps: 8,
  evalSteps: 3,
  seed: 3,
};

/** A new engine with this adapter, or with the start. */
export async function tinyEngine(
  { dropout }: Pick<Recipe, "dropout">,
  adapter: AdapterState = startingAdapter,
): Promise<TfjsEngine> {
  const engine = await goldenEngine(golden, await openMachine("cpu"), dropout);
  engine.writeState(adapter);
  return engine;
}
