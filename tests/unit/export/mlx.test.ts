// The MLX adapter folder: keys, transposed matrices and notes. tests/interop/mlx loads it with
// mlx-lm.
import { expect, test } from "vitest";
import { mlxFormat } from "../../../src/export/mlx/format.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openSafetensors } from "../../../src/formats/safetensors.ts";
import { exported, exportedText, fixtureRun } from "./fixture.ts";

test("adapter_config.json of MLX has all layers, the trained modules by their path in a layer, and one scale", async () => {
  const run = await fixtureRun();
  const text = await exportedText(run, "adapter_config.json", mlxFormat);
  expect(JSON.parse(text)).toEqual({
    fine_tune_type: "lora",
    lora_parameters: {
      dropout: 0,
      keys: [
        ...["mlp.down_proj", "mlp.gate_proj", "mlp.up_proj"],
        ...["self_attn.k_proj", "self_attn.o_proj", "self_attn.q_proj", "self_attn.v_proj"],
      ],
      rank: 2,
      scale: 2,
    },
    model: "Modell ä",
    num_layers: 2,
  });
  expect(text).toContain('"scale": 2.0'); // a float, as mlx-lm writes it
});

test("adapters.safetensors has A as [in, rank] and B as [rank, out] under Hugging Face's names", async () => {
  const run = await fixtureRun();
  const [, weights] = await exported(run, mlxFormat);
  const file = await openSafetensors(blobSource(new Blob([weights!.bytes]), "adapters"));
  expect(file.tensors.size).toBe(run.adapter.tensors.length);
  const path = "model.layers.1.mlp.down_proj";
  const [a, b] = ["A", "B"].map((matrix) => {
    const name = `base_model.model.${path}.lora_${matrix}.weight`;
    return run.adapter.tensors.find((tensor) => tensor.name === name)!;
  });
  expect(file.tensors.get(`${path}.lora_a`)?.shape).toEqual([12, 2]);
  expect(file.tensors.get(`${path}.lora_b`)?.shape).toEqual([2, 8]);
  const columnOf = (values: Float32Array, width: number, row: number) =>
    [...values].filter((_, i) => i % width === row);
  const loraA = await file.readFloat32(`${path}.lora_a`);
  expect(columnOf(loraA, 2, 1)).toEqual([...a!.values.subarray(12)]);
  const loraB = await file.readFloat32(`${path}.lora_b`);
  expect([...loraB.subarray(8)]).toEqual(columnOf(b!.values, 2, 1));
});

test("the MLX card loads with mlx-lm, and an unnamed base model is told where to write its name", async () => {
  const run = await fixtureRun();
  const unnamed = { ...run, base: { ...run.base, hubName: null } };
  const card = await exportedText(unnamed, "README.md", mlxFormat);
  expect(card).toContain("library_name: mlx");
  expect(card).toContain('load(base, adapter_path=".")');
  expect(card).toContain(
    "Write its name as `model` into `adapter_config.json`, and as `base_model`",
  );
  expect(card).toContain("- MLX has no alpha: its scale is alpha / rank, 2.");
  const config = await exportedText(unnamed, "adapter_config.json", mlxFormat);
  expect(JSON.parse(config)).not.toHaveProperty("model");
});
