// The tensors of a decoder by name and shape, against the files that transformers wrote.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openSafetensors } from "../../../src/formats/safetensors.ts";
import { parseModelConfig } from "../../../src/model/config.ts";
import { linearsOfLayer, tensorsOf } from "../../../src/model/tensors.ts";

const repository = new URL("../../../", import.meta.url);

describe.each(["tests/golden/gqa-untied", "tests/golden/mha-tied", "public/demo/model"])(
  "the model in %s",
  (folder) => {
    const read = (name: string) => readFile(new URL(`${folder}/${name}`, repository));

    test("has exactly the tensors that its config asks for", async () => {
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
