// Tensors with an adapter merged in, against the sum written out in f64.
import { describe, expect, test } from "vitest";
import { mergedTensors } from "../../../src/export/merged/tensors.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import { allTargetModules } from "../../../src/recipe/options.ts";
import { readValues } from "../../../src/model/weights/store.ts";
import { madeUpAdapter, madeUpConfig, madeUpWeights } from "../../support/made-up-model.ts";

const { signal } = new AbortController();
const config = madeUpConfig({ numKeyValueHeads: 2, headDim: 16 });
const weights = madeUpWeights(config);

async function valuesOf(rows: AsyncIterable<Float32Array>): Promise<number[]> {
  const all: number[] = [];
  for await (const piece of rows) {
    all.push(...piece);
  }
  return all;
}

describe("a merged model", () => {
  // Ranks on both sides of the four rows of A that are added at once.
  test.each([1, 3, 4, 5, 8])("is W + alpha / rank B A with rank %i", async (rank) => {
    const recipe = { ...defaultRecipe, rank, alpha: 3, targetModules: [...allTargetModules] };
    const adapter = madeUpAdapter(config, recipe);
    for (const { name, rows, shape } of mergedTensors({ config, weights }, { recipe, adapter })) {
      const stored = await readValues(weights, name, signal);
      const merged = await valuesOf(rows(signal));
      const module = `base_model.model.${name.replace(/\.weight$/, "")}`;
      const [a, b] = ["A", "B"].map((matrix) =>
        adapter.tensors.find((tensor) => tensor.name === `${module}.lora_${matrix}.weight`),
      );
      const columns = shape.at(-1) ?? 1;
      const expected = [...stored].map((value, at) => {
        const [row, column] = [Math.floor(at / columns), at % columns];
        let sum = 0;
        for (let k = 0; k < rank; k++) {
          sum += (b?.values[row * rank + k] ?? 0) * (a?.values[k * columns + column] ?? 0);
        }
        return value + (3 / rank) * sum;
      });
      const error = Math.max(...expected.map((value, at) => Math.abs(value - merged[at]!)));
      expect(error, name).toBeLessThan(a === undefined ? 1e-12 : 5e-7);
      expect(merged.length, name).toBe(stored.length);
    }
  });

  test("changes the layers that the adapter has, and no others", async () => {
    const recipe = { ...defaultRecipe, rank: 2, targetModules: ["v_proj" as const] };
    const adapter = madeUpAdapter(config, recipe);
    const changed = [];
    for (const { name, rows } of mergedTensors({ config, weights }, { recipe, adapter })) {
      const stored = [...(await readValues(weights, name, signal))];
      if (String(await valuesOf(rows(signal))) !== String(stored)) {
        changed.push(name);
      }
    }
    expect(changed).toEqual([
      "model.layers.0.self_attn.v_proj.weight",
      "model.layers.1.self_attn.v_proj.weight",
    ]);
  });

  test("is refused an adapter of layers that it lacks", () => {
    const recipe = { ...defaultRecipe, rank: 2, targetModules: ["v_proj" as const] };
    const adapter = madeUpAdapter(madeUpConfig({ numHiddenLayers: 3 }), recipe);
    expect(() => mergedTensors({ config, weights }, { recipe, adapter })).toThrow("layers.2");
  });
});
