// The list of models: what each needs, and in which format it first fits. Without a GPU a run has 3
// GB, which are taken for a small GPU's here.
import { expect, test } from "vitest";
import { listedModels } from "../../../src/models/catalogue-offers.ts";
import { MemoryProbe } from "../../../src/models/memory-probe.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import type { EngineName } from "../../../src/engine/contract.ts";

const listedFor = (engine: EngineName) =>
  listedModels(defaultRecipe, new MemoryProbe(), {
    backend: "wasm",
    engine,
    name: "",
    isSoftware: false,
    fallbackReason: null,
  });

test("a model is listed in the first format that fits, and in its smallest where none does", async () => {
  const models = await listedFor("webgpu");
  const of = (name: string) => models.find((listed) => listed.name.endsWith(name))!;
  expect(of("SmolLM2-135M-Instruct")).toMatchObject({ fits: true, format: null });
  expect(of("SmolLM2-1.7B-Instruct")).toMatchObject({ fits: true, format: "q8" });
  expect(of("Llama-3.2-3B-Instruct")).toMatchObject({ fits: true, format: "q4" });
  const streamed = { fits: false, streams: true, format: null };
  expect(of("Llama-3.1-8B-Instruct-4bit")).toMatchObject(streamed);
  for (const { fits, streams, neededBytes } of models) {
    expect(neededBytes <= 3e9).toBe(fits || streams);
  }
});

test("the reference engine keeps f32 whatever the format, so few models fit it", async () => {
  const models = await listedFor("tfjs");
  for (const { fits, streams, neededBytes, parameters, format } of models) {
    expect(streams).toBe(false);
    expect(neededBytes).toBeGreaterThan(parameters * 4);
    expect(neededBytes <= 3e9).toBe(fits);
    expect(format).toBeNull();
  }
});
