// The bundle for a cluster: its files, the rows of each step, the script. tests/interop/trainer
// goes on with it under torchrun.
import { expect, test } from "vitest";
import { clusterFormat } from "../../../src/export/cluster/format.ts";
import type { RunRows, WriteOptions } from "../../../src/export/format.ts";
import type { BaseModel } from "../../../src/model/open.ts";
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { initialState } from "../../../src/train/trainer.ts";
import { stepRows, takeStep } from "../../../src/train/batches.ts";
import { batchLength } from "../../../src/data/batching/batch.ts";
import { madeUpDataset } from "../train/made-up-data.ts";
import { exported, fixtureRun } from "./fixture.ts";

const texts = new Map([["tokenizer.json", "{}"]]);
const model = { texts } as unknown as BaseModel;

function rowsOf(heldOut: number): RunRows {
  return {
    dataset: madeUpDataset(10, heldOut),
    hasChatTemplate: false,
    // eslint-disable-next-line @typescript-eslint/require-await
    examples: async function* () {
      yield { line: 1, file: 0, kind: "completion", prompt: "Who?", completion: " I." };
    },
  };
}

async function bundle(
  heldOut = 2,
  options: Partial<Recipe> = {},
  given: Partial<WriteOptions> = {},
) {
  const run = await fixtureRun();
  const recipe = { ...run.recipe, ...options };
  const data = { ...run.data, heldOutLines: heldOut > 0 ? [11, 12] : [] };
  const rows = () => Promise.resolve(rowsOf(heldOut));
  const files = await exported({ ...run, recipe, data }, clusterFormat, { model, rows, ...given });
  const textOf = (name: string) =>
    Buffer.from(files.find((file) => file.name === name)?.bytes ?? []).toString();
  return { names: files.map(({ name }) => name), textOf };
}

test("the bundle has checkpoint, rows as tokens and as text, scripts, configurations and the recipe", async () => {
  const { names, textOf } = await bundle();
  expect(names).toEqual([
    ...["README.md", "train.py", "from_text.py", "requirements.txt", "recipe.json"],
    ...["accelerate/one.yaml", "accelerate/ddp.yaml", "accelerate/fsdp.yaml"],
    ...["adapter_config.json", "adapter_model.safetensors", "optimizer.pt", "scheduler.pt"].map(
      (name) => `checkpoint-4/${name}`,
    ),
    ...["trainer_state.json", "tokenizer.json", "optimizer.bin"].map(
      (name) => `checkpoint-4/${name}`,
    ),
    ...["data/train-tokens.jsonl", "data/steps.json", "data/train.jsonl"],
    ...["data/heldout-tokens.jsonl", "data/heldout.jsonl"],
  ]);
  const [first] = textOf("data/train-tokens.jsonl").split("\n");
  const row = JSON.parse(first ?? "") as { input_ids: number[]; labels: number[] };
  expect(row.labels).toHaveLength(row.input_ids.length);
  expect(row.labels[0]).toBe(-100);
  expect(row.labels.at(-1)).toBe(row.input_ids.at(-1));
});

test("the steps of the bundle are those of the training loop, packed rows too", () => {
  const dataset = madeUpDataset(10, 0);
  const trained = { batchSize: 2, gradientAccumulationSteps: 3, seed: 5, shuffle: true };
  for (const packing of [false, true]) {
    const recipe = { ...trained, packing };
    let { cursor } = initialState(dataset, { ...recipe, maxSteps: 9 } as Recipe);
    for (const rows of stepRows(dataset, recipe, 9)) {
      const step = takeStep(dataset, recipe, batchLength(dataset.longestRow), cursor);
      // The first token of a made-up row is its line.
      const lines = step.microBatches.flatMap(({ tokens, positions, segments }) =>
        [...tokens].filter((_, index) => positions[index] === 0 && segments[index] !== 0),
      );
      expect([...lines].sort()).toEqual(rows.map((row) => row + 1).sort());
      cursor = step.cursor;
    }
  }
});

test("the script shares the micro-batches of a step among devices, and packs where the run packs", async () => {
  const { textOf } = await bundle(2, { gradientAccumulationSteps: 3, packing: true });
  const script = textOf("train.py");
  expect(script).toContain("accumulation = -(-3 // devices)");
  expect(script).toContain("    gradient_accumulation_steps=accumulation,\n");
  expect(script).toContain("    padding_free=True,\n");
  expect(script).toContain('CHECKPOINT = "checkpoint-4"');
  expect((await bundle(0)).textOf("train.py")).not.toMatch(/heldout|eval_|padding_free/);
});

test("a bundle without a model or without rows says what is needed", async () => {
  await expect(bundle(2, {}, { model: null })).rejects.toMatchObject({ code: "missing-file" });
  const run = await fixtureRun();
  await expect(exported(run, clusterFormat, { model })).rejects.toMatchObject({
    code: "wrong-data",
  });
});
