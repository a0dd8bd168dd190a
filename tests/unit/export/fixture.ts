// The adapter that PEFT made (fixtures/make.py), and a run that holds the same one.
import { readFile } from "node:fs/promises";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import type { LoraMatrix } from "../../../src/adapter/uniform.ts";
import type { ForeignAdapter } from "../../../src/export/foreign-adapter.ts";
import { readPeftAdapter } from "../../../src/export/peft/read.ts";
import type { AdapterBytes, ExportFormat, WriteOptions } from "../../../src/export/format.ts";
import { peftFormat } from "../../../src/export/peft/format.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";

export function fixtureBytes(name: string): Promise<Buffer<ArrayBuffer>> {
  return readFile(new URL(`fixtures/${name}.golden`, import.meta.url));
}

export async function fixtureText(name: string): Promise<string> {
  return (await fixtureBytes(name)).toString("utf8");
}

export async function peftAdapter(): Promise<ForeignAdapter> {
  const weights = await fixtureBytes("adapter_model.safetensors");
  const config: unknown = JSON.parse(await fixtureText("adapter_config.json"));
  return readPeftAdapter(config, new Blob([weights]), "adapter");
}

/** The matrices of an adapter by PEFT's names. */
export function matricesOf({ pairs }: ForeignAdapter): Map<string, LoraMatrix> {
  return new Map(
    [...pairs].flatMap(([path, { a, b }]) => [
      [`base_model.model.${path}.lora_A.weight`, a],
      [`base_model.model.${path}.lora_B.weight`, b],
    ]),
  );
}

/** The PEFT adapter as a run of four steps, with the log of trainer_state.json.golden. */
export async function fixtureRun(): Promise<RunState> {
  const adapter = await peftAdapter();
  return {
    runId: "run",
    startedAt: 1_763_800_000_000,
    recipe: {
      ...defaultRecipe,
      rank: 2,
      alpha: 4,
      targetModules: [...defaultRecipe.targetModules],
      batchSize: 4,
      maxSteps: 4,
      evalSteps: 2,
      saveSteps: 2,
    },
    base: {
      source: "files",
      name: "Modell ä",
      hubName: "Modell ä", // as fixtures/make.py has it
      revision: null,
      indexSha256: "a".repeat(64),
      weightFormat: "stored",
      licence: null,
    },
    data: {
      source: "file",
      name: "rows.jsonl",
      sizeBytes: 12_345,
      sha256: "b".repeat(64),
      rows: 10,
      heldOutLines: [9, 10],
    },
    trainer: {
      step: 4,
      totalSteps: 4,
      cursor: { epoch: 2, row: 0 },
      tokensSeen: 128,
      best: { step: 2, heldOutLoss: 1.25 },
      log: [
        { step: 0, epoch: 0, heldOutLoss: 3.5 },
        { step: 1, epoch: 0.5, loss: 3.4657359027997265, learningRate: 0, gradNorm: 1 },
        { step: 2, epoch: 1, loss: 2, learningRate: 1e-5, gradNorm: 0.1, heldOutLoss: 1.25 },
        { step: 3, epoch: 1.5, loss: 1.1, learningRate: 1e-4, gradNorm: 1e-7 },
        { step: 4, epoch: 2, loss: 0.1, learningRate: 5e-324, gradNorm: 2.5e16 },
        { step: 4, epoch: 2, heldOutLoss: 1.5 },
      ],
    },
    adapter: {
      tensors: [...matricesOf(adapter)].map(([name, { shape, values }]) => ({
        name,
        shape,
        values,
        moment1: values.slice(),
        moment2: values.slice(),
      })),
    },
  };
}

/** The files of a run in a format, in F32 unless another type is given. */
export async function exported(
  run: RunState,
  format: ExportFormat = peftFormat,
  options: Partial<WriteOptions> = {},
): Promise<AdapterBytes[]> {
  return await format.files(run, {
    model: null,
    valueType: "F32",
    signal: new AbortController().signal,
    progress: () => undefined,
    ...options,
  });
}

export async function exportedText(
  run: RunState,
  name: string,
  format?: ExportFormat,
): Promise<string> {
  const found = (await exported(run, format)).find((file) => file.name === name);
  return Buffer.from(found?.bytes ?? []).toString("utf8");
}

/** The model card of the PEFT folder. */
export async function cardOf(run: RunState): Promise<string> {
  return await exportedText(run, "README.md");
}
