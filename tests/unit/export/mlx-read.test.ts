// Reading an MLX adapter: what is refused, by name. tests/unit/run/foreign-adapters reads those
// that mlx-lm made.
import { describe, expect, test } from "vitest";
import { mlxFormat } from "../../../src/export/mlx/format.ts";
import { isMlxConfig, readMlxAdapter } from "../../../src/export/mlx/read.ts";
import { peftFormat } from "../../../src/export/peft/format.ts";
import { encodeSafetensors, type TensorData } from "../../../src/formats/safetensors-write.ts";
import { parseModelConfig } from "../../../src/model/config/parse.ts";
import { readStartAdapter } from "../../../src/run/start-adapter.ts";
import { tinyConfig } from "../model/tiny-model.ts";
import { exported, fixtureRun } from "./fixture.ts";

const path = "model.layers.0.self_attn.q_proj";
const tensor = (leaf: string, shape: number[]): TensorData => ({
  ...{ name: `${path}.${leaf}`, dtype: "F32", shape },
  data: new Float32Array(shape.reduce((size, side) => size * side, 1)).fill(0.5),
});
const [a, b] = [tensor("lora_a", [3, 2]), tensor("lora_b", [2, 4])];
const config = { num_layers: 1, lora_parameters: { rank: 2, scale: 5, dropout: 0 } };

const read = (given: unknown, tensors: TensorData[]) =>
  readMlxAdapter(given, new Blob([encodeSafetensors(tensors)]), "adapters.safetensors");

test("an MLX adapter of the least config has A [rank, in], B [out, rank] and alpha = scale * rank", async () => {
  const { pairs } = await read(config, [a, b]);
  expect(pairs.get(path)).toMatchObject({ a: { shape: [2, 3] }, b: { shape: [4, 2] }, alpha: 10 });
});

test.each<[string, unknown, TensorData[], string]>([
  ["DoRA", { ...config, fine_tune_type: "dora" }, [a, b], 'fine_tune_type is "dora"'],
  ["another type", { ...config, fine_tune_type: 1 }, [a, b], "fine_tune_type is 1"],
  ["no scale", { lora_parameters: { alpha: 4 } }, [a, b], "lora_parameters.scale must be a number"],
  ["a scale of 0", { lora_parameters: { scale: 0 } }, [a, b], "above 0, not 0"],
  ["no object", null, [a, b], "lora_parameters.scale must be a number above 0, not nothing"],
  ["no lora_b", config, [a], `${path} has no lora_b`],
  ["no lora_a", config, [b], `${path} has no lora_a`],
  ["no tensors", config, [], "it has no LoRA matrix"],
  ["two ranks", config, [a, tensor("lora_b", [3, 4])], "lora_a [3, 2] and lora_b [3, 4]"],
  ["a magnitude", config, [a, b, tensor("m", [4])], "is a magnitude of DoRA"],
  ["a weight", config, [a, b, tensor("weight", [4, 3])], "weight is no LoRA matrix"],
  ["integers", config, [{ ...a, dtype: "I32" }, b], "lora_a is I32"],
])("an MLX adapter with %s is refused by name", async (_, given, tensors, message) => {
  await expect(read(given, tensors)).rejects.toMatchObject({
    code: "bad-adapter",
    message: expect.stringContaining(message) as string,
  });
});

test("a config is MLX's by its keys, and PEFT's where it has a peft_type", () => {
  expect([config, { fine_tune_type: "lora" }].map(isMlxConfig)).toEqual([true, true]);
  expect([{ peft_type: "LORA", num_layers: 2 }, {}, null, 1].map(isMlxConfig)).toEqual(
    Array(4).fill(false),
  );
});

describe("an export that is imported", () => {
  test.each([peftFormat, mlxFormat])("$label is exported again byte for byte", async (format) => {
    const run = await fixtureRun();
    const model = parseModelConfig(JSON.stringify(tinyConfig)); // sizes of the fixture
    const files = await exported(run, format);
    const start = await readStartAdapter(
      files.map(({ name, bytes }) => new File([bytes], name)),
      model,
      { ...run.recipe, rank: 9, alpha: 1, targetModules: ["q_proj"] },
    );
    const again = await exported({ ...run, ...start }, format);
    expect(again).toEqual(files);
  });
});
