// A merged model as a folder: what our own reader makes of it, shards, config and streaming.
import { describe, expect, test } from "vitest";
import { mergedFolder } from "../../../src/export/merged/folder.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import type { ZipPart } from "../../../src/formats/zip.ts";
import { openModel } from "../../../src/model/open.ts";
import { readValues } from "../../../src/model/weights/store.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import { madeUpAdapter } from "../../support/made-up-model.ts";
import { tinyConfig, tinyFolder } from "../model/tiny-model.ts";
import { fixtureRun } from "./fixture.ts";

const { signal } = new AbortController();

async function written(parts: readonly ZipPart[]): Promise<Map<string, Blob>> {
  const files = new Map<string, Blob>();
  for (const { name, sizeBytes, open } of parts) {
    const pieces: BlobPart[] = [];
    for await (const piece of open()) {
      pieces.push(Uint8Array.from(new Uint8Array(piece)));
    }
    const blob = new Blob(pieces);
    expect(blob.size, name).toBe(sizeBytes);
    files.set(name, blob);
  }
  return files;
}

const opened = async (files: ReadonlyMap<string, Blob>) =>
  await openModel({
    source: "files",
    name: "merged",
    files: new Map([...files].map(([name, blob]) => [name, blobSource(blob, name)])),
  });

async function trained() {
  const model = await openModel(tinyFolder());
  const recipe = { ...defaultRecipe, rank: 2, targetModules: ["q_proj" as const] };
  const run = { ...(await fixtureRun()), recipe, adapter: madeUpAdapter(model.config, recipe) };
  return { model, run };
}

describe("a merged folder", () => {
  test.each([
    ["one file", 5e9, ["model.safetensors"]],
    ["shards", 12_000, ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]],
  ])("in %s opens as the model with the adapter in its weights", async (_, limit, weightFiles) => {
    const { model, run } = await trained();
    const files = await written(mergedFolder(run, model, "F32", signal, limit));
    const merged = await opened(files);
    expect(merged.weightFiles).toEqual(weightFiles);
    for (const name of model.weights.shapes.keys()) {
      const [before, after] = [model, merged].map(({ weights }) =>
        readValues(weights, name, signal),
      );
      const isChanged = String(await before) !== String(await after);
      expect(isChanged, name).toBe(name.endsWith("q_proj.weight"));
    }
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      expect(await files.get(name)?.text()).toBe(model.texts.get(name));
    }
  });

  test.each([
    ["F32", "float32"],
    ["F16", "float16"],
    ["BF16", "bfloat16"],
  ] as const)("of %s says so in its config, and nothing of a quantisation", async (type, dtype) => {
    const { model, run } = await trained();
    const config = { ...tinyConfig, torch_dtype: "int8", quantization_config: { bits: 4 } };
    const texts = new Map([...model.texts, ["config.json", JSON.stringify(config)] as const]);
    const files = await written(mergedFolder(run, { ...model, texts }, type, signal));
    const said = JSON.parse((await files.get("config.json")?.text()) ?? "") as object;
    expect(said).toEqual({ ...tinyConfig, torch_dtype: dtype });
    expect((await opened(files)).dtype).toBe(type);
  });

  test("ends with the signal's error", async () => {
    const { model, run } = await trained();
    const controller = new AbortController();
    const parts = mergedFolder(run, model, "F16", controller.signal);
    controller.abort(new Error("enough"));
    await expect(written(parts)).rejects.toThrow("enough");
  });
});
