// Losses, adapter and checkpoint of the same runs on both sides, bit for bit: the demo and five
// tiny models of the goldens, each an architecture. The identity of a run and its times differ.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkpointDifferences } from "./checkpoints.ts";
import { here, outFolder, runDemo, type Result, type Side, type Sides } from "./sides.ts";
import { letterTokenizer, sums } from "./tiny-inputs.ts";

const tinyModels = ["gqa-untied", "qwen3", "gemma3", "phi3", "smollm3"];
const tinyRecipe = {
  maxSteps: 12,
  heldOutRows: 8,
  batchSize: 2,
  gradientAccumulationSteps: 2,
  learningRate: 0.005,
  dropout: 0.1,
};

export async function compareBits(sides: Sides): Promise<Result[]> {
  const results = [await compareRun(sides, "the demo, 40 steps", 40, ["--steps", "40"])];
  for (const name of tinyModels) {
    const args = tinyArguments(name);
    results.push(await compareRun(sides, `${name}, 12 steps with dropout`, 12, args));
  }
  return results;
}

/** A golden's config and weights with a tokenizer of single letters, and rows to train it on. */
function tinyArguments(name: string): string[] {
  const folder = join(outFolder, "models", name);
  mkdirSync(folder, { recursive: true });
  for (const file of ["config.json", "model.safetensors"]) {
    copyFileSync(join(here.root, "tests", "golden", name, file), join(folder, file));
  }
  for (const [file, text] of Object.entries(letterTokenizer())) {
    writeFileSync(join(folder, file), text);
  }
  const data = join(outFolder, "sums.jsonl");
  const recipe = join(outFolder, "tiny-recipe.json");
  writeFileSync(data, sums(60));
  writeFileSync(recipe, JSON.stringify(tinyRecipe));
  return ["--model", folder, "--data", data, "--recipe", recipe];
}

async function compareRun(
  { now, before }: Sides,
  name: string,
  steps: number,
  args: readonly string[],
): Promise<Result> {
  const folders: string[] = [];
  for (const side of [before, now]) {
    console.log(`${name}: ${side.name}`);
    folders.push(await outputsOf(side, name, args));
  }
  const [old, fresh] = folders as [string, string];
  const read = (folder: string, file: string) => readFileSync(join(folder, file));
  const adapter = "adapter/adapter_model.safetensors";
  const checkpoint = `checkpoint-${steps}.safetensors`;
  const differences = [
    ...(read(old, adapter).equals(read(fresh, adapter)) ? [] : ["the adapter"]),
    ...(logOf(old) === logOf(fresh) ? [] : ["the log of losses and norms"]),
    ...(await checkpointDifferences(join(old, checkpoint), join(fresh, checkpoint), ["run"])),
  ];
  return { name, fault: differences.length === 0 ? null : `differs: ${differences.join(", ")}` };
}

async function outputsOf(side: Side, name: string, args: readonly string[]): Promise<string> {
  const folder = join(outFolder, side.name, name.replaceAll(/\W+/g, "-"));
  await runDemo(side, [...args, "--out", folder]);
  return folder;
}

function logOf(folder: string): string {
  const text = readFileSync(join(folder, "adapter", "trainer_state.json"), "utf8");
  return JSON.stringify((JSON.parse(text) as { log_history: unknown }).log_history);
}
