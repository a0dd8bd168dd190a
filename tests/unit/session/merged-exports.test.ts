// The merged model of a checkpoint: what each form offers and refuses, and what writing one leaves.
import { describe, expect, test } from "vitest";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import type { CheckpointStore } from "../../../src/checkpoint/store.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openModel } from "../../../src/model/open.ts";
import { readValues } from "../../../src/model/weights/store.ts";
import type { LoadedModel } from "../../../src/models/loaded-model.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import { MergedExports } from "../../../src/session/export/merged-exports.ts";
import type { SessionEvent } from "../../../src/session/protocol.ts";
import { madeUpAdapter } from "../../support/made-up-model.ts";
import { MemoryStorage } from "../../support/storage.ts";
import { exampleRun } from "../checkpoint/example-run.ts";
import { tinyFolder } from "../model/tiny-model.ts";

const { signal } = new AbortController();

/** The tiny model with an adapter of its own. */
async function trained() {
  const opened = await openModel(tinyFolder());
  const recipe = { ...defaultRecipe, rank: 2, targetModules: ["q_proj" as const] };
  const run = exampleRun();
  const { indexSha256, config } = opened;
  const state: RunState = {
    ...run,
    recipe,
    base: { ...run.base, indexSha256, weightFormat: "stored" },
    adapter: madeUpAdapter(config, recipe),
  };
  const model: LoadedModel = {
    ...{ ...opened, source: "files", format: "stored" },
    ...{ revision: null, hubName: null, conversionError: null },
  };
  return { state, model };
}

function exportsOf(state: RunState, model: LoadedModel | null) {
  const events: SessionEvent[] = [];
  const storage = new MemoryStorage();
  const store = { loadCheckpoint: () => Promise.resolve(state) } as unknown as CheckpointStore;
  const parts = {
    ...{
      run: () => null,
      store,
      model: () => model,
      data: () => null,
      named: (base: RunState["base"]) => base,
    },
    emit: (event: SessionEvent) => events.push(event),
  };
  return { exports: new MergedExports(parts, storage.root), events, storage };
}

const asked = { requestId: 1, key: "any", place: { kind: "storage" } } as const;

describe("the forms of a merged model", () => {
  test("a GGUF file and a folder are offered, each in its types with their bytes", async () => {
    const { state, model } = await trained();
    const [gguf, folder] = await exportsOf(state, model).exports.list({ key: "any" });
    expect(gguf).toMatchObject({ format: "gguf", refusal: null });
    expect(gguf?.types.map(({ type }) => type)).toEqual(["F16", "BF16", "Q8_0", "Q4_0", "F32"]);
    expect(folder?.types.map(({ type, sizeBytes }) => [type, sizeBytes])).toEqual([
      ["F16", 2 * model.parameters],
      ["BF16", 2 * model.parameters],
      ["F32", 4 * model.parameters],
    ]);
    expect(gguf?.types[0]?.fileName).toBe("demo-merged-step-20-f16.gguf");
    expect(folder?.types[1]?.fileName).toBe("demo-merged-step-20-bf16.zip");
    expect(gguf?.notes.join(" ")).toContain("merged in f32, tensor by tensor");
  });

  test("what llama.cpp computes otherwise is refused as GGUF and offered as a folder", async () => {
    const { state, model } = await trained();
    const gelu = { ...model, config: { ...model.config, activation: "gelu-tanh" as const } };
    const [gguf, folder] = await exportsOf(state, gelu).exports.list({ key: "any" });
    expect(gguf).toMatchObject({ types: [], notes: [] });
    expect(gguf?.refusal?.message).toContain("llama.cpp cannot compute the activation gelu-tanh.");
    expect(gguf?.refusal?.remedy).toBe("Use the merged folder, for transformers.");
    expect(folder?.refusal).toBeNull();
  });

  test("both are refused while the run's model is not loaded", async () => {
    const { state, model } = await trained();
    for (const other of [null, { ...model, format: "q4/64" }]) {
      const { exports, storage } = exportsOf(state, other);
      const offers = await exports.list({ key: "any" });
      expect(offers.map(({ refusal }) => refusal?.code)).toEqual(["missing-file", "missing-file"]);
      const writing = exports.write({ ...asked, format: "gguf", type: "F16" });
      await expect(writing).rejects.toMatchObject({ code: "missing-file" });
      expect(storage.paths()).toEqual([]);
    }
  });
});

describe("a merged model that is written", () => {
  test("as GGUF is one file that our own reader opens with the adapter in it", async () => {
    const { state, model } = await trained();
    const { exports, events, storage } = exportsOf(state, model);
    const { name, blob, sizeBytes } = await exports.write({
      ...asked,
      format: "gguf",
      type: "F32",
    });
    expect(blob?.size).toBe(sizeBytes);
    const files = new Map([[name, blobSource(blob!, name)]]);
    const back = await openModel({ source: "files", name: "back", files });
    for (const tensor of model.weights.shapes.keys()) {
      const [before, after] = [model, back].map(({ weights }) =>
        readValues(weights, tensor, signal),
      );
      const isChanged = String(await before) !== String(await after);
      expect(isChanged, tensor).toBe(tensor.endsWith("q_proj.weight"));
    }
    expect(events.at(-1)).toMatchObject({ kind: "exportProgress", totalBytes: sizeBytes });
    await exports.discard({ requestId: 1 });
    expect(storage.paths()).toEqual([]);
  });

  test("as a folder is an archive, and without the space for it leaves nothing", async () => {
    const { state, model } = await trained();
    const { exports, storage } = exportsOf(state, model);
    const { name, blob, sizeBytes } = await exports.write({
      ...asked,
      ...{ format: "folder", type: "BF16" },
    });
    expect(name).toBe("demo-merged-step-20-bf16.zip");
    expect(blob?.size).toBe(sizeBytes);
    storage.quotaBytes = storage.usedBytes + 1000;
    const again = exports.write({ ...asked, requestId: 2, format: "folder", type: "F32" });
    await expect(again).rejects.toMatchObject({ code: "quota" });
    expect(storage.paths()).toHaveLength(1);
  });

  test("is called off by its request id and no other, and leaves nothing", async () => {
    const { state, model } = await trained();
    const { exports, storage } = exportsOf(state, model);
    const writing = exports.write({ ...asked, format: "folder", type: "F16" });
    exports.cancel({ requestId: 2 });
    exports.cancel({ requestId: 1 });
    await expect(writing).rejects.toMatchObject({ name: "AbortError" });
    expect(storage.paths()).toEqual([]);
  });
});
