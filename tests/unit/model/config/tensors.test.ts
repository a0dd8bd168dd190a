// The tensors of a decoder by name and shape, against the files that transformers wrote.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { blobSource } from "../../../../src/formats/byte-source.ts";
import { openSafetensors } from "../../../../src/formats/safetensors.ts";
import { parseModelConfig } from "../../../../src/model/config/parse.ts";
import { linearsOfLayer, targetModulesOf, tensorsOf } from "../../../../src/model/tensors.ts";
import { goldenCases } from "../../../support/golden.ts";

const repository = new URL("../../../../", import.meta.url);

describe.each([...goldenCases.map((name) => `tests/golden/${name}`), "public/demo/model"])(
  "the model in %s",
  (folder) => {
    const read = (name: string) => readFile(new URL(`${folder}/${name}`, repository));

    test("the model has exactly the tensors of its config", async () => {
      const config = parseModelConfig((await read("config.json")).toString());
      const blob = new Blob([await read("model.safetensors")]);
      const { tensors } = await openSafetensors(blobSource(blob, "model.safetensors"));
      const stored = [...tensors].map(([name, { shape }]) => `${name} [${shape.join(", ")}]`);
      const asked = tensorsOf(config).map(({ name, shape }) => `${name} [${shape.join(", ")}]`);
      expect(asked.toSorted()).toEqual(stored.toSorted());
    });
  },
);

test("the linear layers of a layer come in forward order with PEFT's names", async () => {
  const text = await readFile(new URL("tests/golden/gqa-untied/config.json", repository), "utf8");
  const linears = linearsOfLayer(parseModelConfig(text), 1);
  expect(linears.map(({ target }) => target)).toEqual([
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "gate_proj",
    "up_proj",
    "down_proj",
  ]);
  expect(linears[1]).toEqual({
    module: "model.layers.1.self_attn.k_proj",
    target: "k_proj",
    inFeatures: 32,
    outFeatures: 24,
  });
});

test("fused layers are PEFT targets under their fused names, as wide as their parts together", async () => {
  const text = await readFile(new URL("tests/golden/phi3/config.json", repository), "utf8");
  const config = parseModelConfig(text);
  expect(targetModulesOf(config)).toEqual(["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]);
  const widths = linearsOfLayer(config, 0).map(({ outFeatures }) => outFeatures);
  expect(widths).toEqual([32 + 16 + 16, 32, 80, 32]);
});
