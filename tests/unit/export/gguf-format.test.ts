// The GGUF export as the page asks for it: files, notes, progress and cancellation.
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import type { AdapterTensor } from "../../../src/adapter/state.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { adapterTypes } from "../../../src/export/gguf/adapter.ts";
import { ggufFormat } from "../../../src/export/gguf/format.ts";
import { exportFormats } from "../../../src/export/formats.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openGgufFile } from "../../../src/formats/gguf/file.ts";
import type { BaseModel } from "../../../src/model/open.ts";
import { openGolden } from "../../support/golden.ts";
import { sampleTemplates, tokenizerWith } from "../../support/template-samples.ts";
import { fixtureRun } from "./fixture.ts";

const folder = new URL("../../golden/", import.meta.url);

async function runAndModel(): Promise<{ run: RunState; model: BaseModel }> {
  const { config, lora, final } = await openGolden(
    "gqa-untied",
    async (path) => new Blob([await readFile(new URL(path, folder))]),
  );
  const run = await fixtureRun();
  const tokenizer = await tokenizerWith((await sampleTemplates()).get("llama3") ?? "");
  return {
    run: { ...run, recipe: { ...run.recipe, rank: lora.rank, alpha: lora.alpha }, adapter: final },
    model: { config, tokenizer, stopTokens: [tokenizer.eosId] } as unknown as BaseModel,
  };
}

const watch = () => ({ signal: new AbortController().signal, progress: () => undefined });

test("the GGUF export is in the table of formats", () => {
  expect(exportFormats).toContain(ggufFormat);
});

test.each(adapterTypes)(
  "the GGUF export in %s has adapter, Modelfile, card and log",
  async (type) => {
    const { run, model } = await runAndModel();
    const files = await ggufFormat.files(run, { model, valueType: type, ...watch() });
    const names = ["adapter.gguf", "Modelfile", "README.md", "trainer_state.json"];
    expect(files.map(({ name }) => name)).toEqual(names);
    const [adapter, modelfile, card] = files;
    const file = await openGgufFile(blobSource(new Blob([adapter!.bytes]), "adapter.gguf"));
    expect(file.metadata.get("general.type")).toBe("adapter");
    expect(file.tensors.size).toBe(run.adapter.tensors.length);
    expect(new TextDecoder().decode(modelfile?.bytes)).toContain("ADAPTER ./adapter.gguf");
    expect(new TextDecoder().decode(card?.bytes)).toContain("Never give Ollama the PEFT folder");
  },
);

test("the GGUF export asks for the base model where it is not loaded", async () => {
  const { run } = await runAndModel();
  const refusal = expect.objectContaining({
    code: "missing-file",
    remedy: "Load the model of this run under Model.",
  }) as Error;
  expect(() => ggufFormat.notes(run, null)).toThrow(refusal);
  const options = { model: null, valueType: "F32", ...watch() } as const;
  await expect(ggufFormat.files(run, options)).rejects.toEqual(refusal);
});

test("the GGUF export ends with the signal's error", async () => {
  const { run, model } = await runAndModel();
  const controller = new AbortController();
  controller.abort(new Error("enough"));
  const options = { model, valueType: "F32", ...watch(), signal: controller.signal } as const;
  await expect(ggufFormat.files(run, options)).rejects.toThrow("enough");
});

test("the GGUF export tells the progress of a large adapter", async () => {
  const { run, model } = await runAndModel();
  const config = { ...model.config, intermediateSize: 2 ** 21 };
  const tensor = (matrix: string, rows: number, columns: number): AdapterTensor => ({
    name: `base_model.model.model.layers.0.mlp.down_proj.lora_${matrix}.weight`,
    shape: [rows, columns],
    values: new Float32Array(rows * columns),
    moment1: new Float32Array(),
    moment2: new Float32Array(),
  });
  const large = { ...run, adapter: { tensors: [tensor("A", 1, 2 ** 21), tensor("B", 32, 1)] } };
  const seen: [number, number][] = [];
  const options = { model: { ...model, config }, valueType: "F32" } as const;
  await ggufFormat.files(large, {
    ...options,
    ...watch(),
    progress: (...bytes) => seen.push(bytes),
  });
  expect(seen).toHaveLength(1);
  expect(seen[0]![0]).toBeGreaterThanOrEqual(8e6);
  expect(seen[0]![1]).toBe((2 ** 21 + 32) * 4);
});
