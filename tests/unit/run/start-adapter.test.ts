// Starting from a PEFT adapter's files: its matrices and its shape win over the recipe, and misfits
// are refused.
import { describe, expect, test } from "vitest";
import { adapterShapes } from "../../../src/adapter/lora.ts";
import { loraTargets } from "../../../src/adapter/targets.ts";
import type { TensorData } from "../../../src/formats/safetensors-write.ts";
import { parseModelConfig } from "../../../src/model/config/parse.ts";
import { readStartAdapter } from "../../../src/run/start-adapter.ts";
import { defaultRecipe } from "../../../src/recipe/recipe.ts";
import { uniforms } from "../../../src/util/random.ts";
import { tensorFile, tinyConfig } from "../model/tiny-model.ts";

const config = parseModelConfig(JSON.stringify(tinyConfig));
const peft = { peft_type: "LORA", r: 3, lora_alpha: 5, target_modules: ["v_proj", "up_proj"] };
const targets = loraTargets(config, { targetModules: peft.target_modules });
const tensors = adapterShapes(targets, 3).map(({ name, shape }, index): TensorData => ({
  name,
  dtype: "F32",
  shape: [...shape],
  data: uniforms(3, index, shape[0] * shape[1]),
}));

interface Files {
  config?: object | null;
  weights?: readonly TensorData[] | null;
}

function read(given: Files = {}, modelConfig = config) {
  const { config: peftConfig = peft, weights = tensors } = given;
  const files = [
    ...((peftConfig && [new File([JSON.stringify(peftConfig)], "adapter_config.json")]) || []),
    ...((weights && [new File([tensorFile(weights)], "adapter_model.safetensors")]) || []),
    new File(["# Adapter"], "README.md"),
  ];
  return readStartAdapter(files, modelConfig, defaultRecipe);
}

async function expectRefusal(code: string, message: RegExp, ...given: Parameters<typeof read>) {
  const refused = expect(read(...given)).rejects;
  await refused.toMatchObject({ code, message: expect.stringMatching(message) as string });
}

describe("an adapter to start from", () => {
  test("an adapter to start from has its matrices in the engine's order, with moments at zero", async () => {
    const { adapter } = await read({ weights: tensors.toReversed() });
    expect(adapter.tensors.map(({ name }) => name)).toEqual(tensors.map(({ name }) => name));
    adapter.tensors.forEach(({ shape, values, moment1, moment2 }, index) => {
      expect(shape).toEqual(tensors[index]?.shape);
      expect(values).toEqual(tensors[index]?.data);
      expect(moment1).toEqual(new Float32Array(values.length));
      expect(moment2).toEqual(new Float32Array(values.length));
    });
  });

  test("an adapter to start from replaces rank, alpha and target modules of the recipe, and nothing else", async () => {
    const { recipe } = await read();
    const replaced = { rank: 3, alpha: 5, targetModules: ["v_proj", "up_proj"] };
    expect(recipe).toEqual({ ...defaultRecipe, ...replaced });
  });
});

describe("refused adapters", () => {
  test("an adapter without one of its two files is refused by the file's name", async () => {
    await expectRefusal("no-adapter", /^adapter_config\.json: /, { config: null });
    await expectRefusal("no-adapter", /^adapter_model\.safetensors: /, { weights: null });
  });

  test("an adapter of another kind is refused", async () => {
    await expectRefusal("bad-adapter", /./, { config: { ...peft, use_dora: true } });
    await expectRefusal("bad-adapter", /./, { config: { ...peft, peft_type: "IA3" } });
  });

  test("an adapter for a model of another width is refused", async () => {
    const wider = parseModelConfig(JSON.stringify({ ...tinyConfig, hidden_size: 16, head_dim: 4 }));
    const message = /_proj has matrices for \[\d+, 8\], needed is \[\d+, 16\]/;
    await expectRefusal("wrong-shape", message, {}, wider);
  });

  test("an adapter for a model of more or fewer layers is refused", async () => {
    const layers = (count: number) =>
      parseModelConfig(JSON.stringify({ ...tinyConfig, num_hidden_layers: count }));
    const missing = /no matrices for the last layer, 2, although it means every one/;
    await expectRefusal("wrong-shape", missing, {}, layers(3));
    const strange = /layers\.1\.\S+ is no linear layer of it/;
    await expectRefusal("wrong-shape", strange, {}, layers(1));
  });

  test("an adapter of a rank or an alpha beyond a recipe's range is refused by name", async () => {
    await expectRefusal("bad-recipe", /alpha/, { config: { ...peft, lora_alpha: 1e6 } });
  });

  test.each(["{", ""])("an adapter_config.json of %j is refused as no JSON", async (text) => {
    const files = [
      new File([text], "adapter_config.json"),
      new File([tensorFile(tensors)], "adapter_model.safetensors"),
    ];
    await expect(readStartAdapter(files, config, defaultRecipe)).rejects.toMatchObject({
      code: "bad-adapter",
      message: expect.stringMatching(/^adapter_config\.json: It is not JSON/) as string,
    });
  });
});
