// Writes bundles for a cluster of two runs of a tiny model, stopped at step 10, with what the steps
// after it give here.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { batchLength } from "../../../src/data/batching/batch.ts";
import { openMachine } from "../../../src/engine/tfjs/backend.ts";
import { createTfjsEngine } from "../../../src/engine/tfjs/engine.ts";
import { clusterFormat } from "../../../src/export/cluster/format.ts";
import type { Example } from "../../../src/data/example.ts";
import { mergedFolder } from "../../../src/export/merged/folder.ts";
import { defaultRecipe, type Recipe } from "../../../src/recipe/recipe.ts";
import { initialState } from "../../../src/train/trainer.ts";
import { madeUpDataset } from "../../unit/train/made-up-data.ts";
import { caseOf, changed } from "../llama-cpp/models.ts";
import { savedStep, trained } from "./runs.ts";
import { writeAll } from "./write.ts";

const base: Partial<Recipe> = {
  ...{ learningRate: 0.005, schedule: "cosine", warmupSteps: 3, weightDecay: 0.1, maxLength: 16 },
  ...{ maxSteps: 20, evalSteps: 10, saveSteps: 10, earlyStoppingPatience: 3 },
};

/** Epochs end within the steps; the last step of an epoch has fewer rows. */
const cases: Readonly<Record<string, { options: Partial<Recipe>; heldOut: number }>> = {
  "batches with padding": {
    options: { batchSize: 2, gradientAccumulationSteps: 3 },
    heldOut: 4,
  },
  "packed rows": {
    options: { batchSize: 2, gradientAccumulationSteps: 1, packing: true },
    heldOut: 0,
  },
};

/** @param out an empty folder @returns a JSON file: a list of subjects for bundles.py */
export async function writeBundles(out: string): Promise<string> {
  const { model, run: made } = await caseOf("Llama");
  const { signal } = new AbortController();
  const zero = changed(made.adapter, ({ values }) => new Float32Array(values.length));
  const modelFolder = join(out, "model");
  for (const part of mergedFolder({ ...made, adapter: zero }, model, "F32", signal)) {
    const pieces: Uint8Array[] = [];
    for await (const piece of part.open()) {
      pieces.push(new Uint8Array(piece));
    }
    writeAll(modelFolder, [{ name: part.name, bytes: Uint8Array.from(Buffer.concat(pieces)) }]);
  }
  const subjects = [];
  for (const [name, { options, heldOut }] of Object.entries(cases)) {
    const { rank, alpha, targetModules } = made.recipe;
    const recipe: Recipe = { ...defaultRecipe, ...base, ...options, rank, alpha, targetModules };
    const dataset = madeUpDataset(22, heldOut, model.config.vocabSize);
    const engine = await createTfjsEngine({
      ...{ machine: await openMachine("cpu"), config: model.config, lora: recipe, signal },
      ...{ weights: model.weights, progress: () => undefined },
      shape: { rows: recipe.batchSize, length: batchLength(dataset.longestRow) },
    });
    const heldOutLines = [...dataset.heldOut].map(({ line }) => line);
    const { run, losses, rates } = await trained(engine, dataset, {
      ...{ ...made, recipe, trainer: initialState(dataset, recipe) },
      base: { ...made.base, hubName: modelFolder },
      data: { ...made.data, heldOutLines },
    });
    const folder = join(out, name.replaceAll(" ", "-"));
    const texts = async function* (): AsyncGenerator<Example> {
      yield await Promise.resolve({ ...{ kind: "text", line: 1, file: 0 }, text: "A" } as const);
    };
    const rows = () => Promise.resolve({ dataset, examples: texts, hasChatTemplate: false });
    const watch = { signal, progress: () => undefined };
    writeAll(folder, await clusterFormat.files(run, { model, rows, valueType: "F32", ...watch }));
    const after = { losses: losses.slice(savedStep), rates: rates.slice(savedStep) };
    subjects.push({ name, folder, step: savedStep, steps: losses.length, ...after });
  }
  const list = join(out, "subjects.json");
  mkdirSync(out, { recursive: true });
  writeFileSync(list, JSON.stringify(subjects));
  return list;
}
