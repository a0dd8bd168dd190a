// A GGUF file with fused q, k and v, made by llama.cpp's converter: tensors and probabilities are
// those of transformers. llama.cpp v0.5.0 gives the same probabilities within 1e-3 from this file.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { openMachine } from "../../../../src/engine/tfjs/backend.ts";
import { createTfjsEngine } from "../../../../src/engine/tfjs/engine.ts";
import { blobSource } from "../../../../src/formats/byte-source.ts";
import { parseModelConfig } from "../../../../src/model/config/parse.ts";
import { openGguf } from "../../../../src/model/gguf/open.ts";
import { encodingStore, weightShapes } from "../../../../src/model/weights/store.ts";
import { f32Tensor } from "../../../support/gguf-writer.ts";
import { fileOf, sizes } from "./made-up-file.ts";

const { signal } = new AbortController();
const golden = new URL("../../../golden/gguf/", import.meta.url);

test("a file with fused q, k and v has the tensors and the probabilities of transformers", async () => {
  const { tokens, top, tensors } = JSON.parse(
    await readFile(new URL("fused.json", golden), "utf8"),
  ) as { tokens: number[]; top: [number, number][]; tensors: Record<string, string> };
  const bytes = await readFile(new URL("fused.gguf", golden));
  expect(bytes.toString("latin1")).toContain("blk.0.attn_qkv.weight");
  const model = await openGguf(blobSource(new Blob([bytes]), "fused.gguf"), signal);
  const rowsOf = async (name: string) => {
    const tensor = model.tensors.get(name)!;
    const rows = tensor.shape.length === 1 ? 1 : tensor.shape[0]!;
    return await tensor.values(0, rows, signal);
  };
  expect([...model.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
  for (const [name, sha256] of Object.entries(tensors)) {
    const hash = createHash("sha256").update(new Uint8Array((await rowsOf(name)).buffer));
    expect(hash.digest("hex"), name).toBe(sha256);
  }
  const config = parseModelConfig(JSON.stringify(model.config));
  expect(config.rope.scaling).toMatchObject({ kind: "yarn", factor: 4 });
  const engine = await createTfjsEngine({
    machine: await openMachine("cpu"),
    config,
    lora: { rank: 1, alpha: 1, dropout: 0, targetModules: ["q_proj"] },
    shape: { rows: 1, length: 16 },
    weights: encodingStore(weightShapes(config, { format: "f32" }), rowsOf),
    progress: () => undefined,
    signal,
  });
  const logits = await engine.nextLogits(tokens, false);
  engine.dispose();
  const exps = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
  const sum = exps.reduce((total, each) => total + each, 0);
  for (const [token, probability] of top) {
    expect(exps[token]! / sum).toBeCloseTo(probability, 4);
  }
});

test("a fused bias is split as the fused weight is", async () => {
  const { hidden, heads, keyHeads, headDim } = sizes;
  const rows = (heads + 2 * keyHeads) * headDim;
  const bias = Float32Array.from({ length: rows }, (_, row) => row);
  const without = Object.fromEntries(
    ["q", "k", "v"].flatMap((letter) => [
      [`blk.0.attn_${letter}.weight`, undefined],
      [`blk.0.attn_${letter}.bias`, undefined],
    ]),
  );
  const file = fileOf("qwen2", {
    tensors: {
      ...without,
      "blk.0.attn_qkv.weight": [hidden, rows],
      "blk.0.attn_qkv.bias": f32Tensor("", [rows], bias),
    },
  });
  const { tensors } = await openGguf(file, signal);
  const valuesOf = async (letter: string) => {
    const tensor = tensors.get(`model.layers.0.self_attn.${letter}_proj.bias`)!;
    return [tensor.shape, [...(await tensor.values(0, 1, signal))]];
  };
  const query = heads * headDim;
  const key = keyHeads * headDim;
  expect(await valuesOf("q")).toEqual([[query], [...bias.subarray(0, query)]]);
  expect(await valuesOf("k")).toEqual([[key], [...bias.subarray(query, query + key)]]);
  expect(await valuesOf("v")).toEqual([[key], [...bias.subarray(query + key)]]);
  expect(tensors.get("model.layers.0.self_attn.k_proj.weight")?.shape).toEqual([key, hidden]);
});
