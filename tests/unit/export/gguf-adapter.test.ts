// Adapters as GGUF, against what llama.cpp's converter makes of the same PEFT folders.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openGgufFile, type GgufFile } from "../../../src/formats/gguf/file.ts";
import { ggufParts } from "../../../src/formats/gguf/write.ts";
import { adapterTypes, ggufAdapter, type AdapterType } from "../../../src/export/gguf/adapter.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import type { ModelConfig } from "../../../src/model/config/model-config.ts";
import { concatBytes, sha256Hex } from "../../../src/util/bytes.ts";
import { goldenCases, openGolden, type GoldenCase } from "../../support/golden.ts";
import { fixtureRun } from "./fixture.ts";

const folder = new URL("../../golden/", import.meta.url);
const read = async (path: string) => new Blob([await readFile(new URL(path, folder))]);
const digests = JSON.parse(await (await read("gguf/adapters.json")).text()) as Record<
  GoldenCase,
  Record<AdapterType, string>
>;

/** A run that holds the golden's adapter. */
async function runOf(name: GoldenCase): Promise<{ run: RunState; config: ModelConfig }> {
  const { config, lora, final } = await openGolden(name, read);
  const run = await fixtureRun();
  const recipe = { ...run.recipe, rank: lora.rank, alpha: lora.alpha };
  return { run: { ...run, recipe, adapter: final }, config };
}

async function written(
  run: RunState,
  config: ModelConfig,
  type: AdapterType = "F32",
): Promise<GgufFile> {
  const { metadata, tensors } = ggufAdapter(run, config, type);
  const parts = [];
  for await (const part of ggufParts(metadata, tensors, new AbortController().signal)) {
    parts.push(part);
  }
  return await openGgufFile(blobSource(new Blob([concatBytes(parts)]), "adapter.gguf"));
}

/** As `digest` in golden/gguf/adapters.py. */
async function digestOf(file: GgufFile): Promise<string> {
  const lines = [...file.tensors.values()].map(async (tensor) => {
    const bytes = await file.readRows(tensor, 0, tensor.sizeBytes / tensor.rowBytes);
    return `${tensor.name} ${tensor.type.name} ${tensor.ne.join(",")} ${await sha256Hex(bytes)}`;
  });
  return await sha256Hex(new TextEncoder().encode((await Promise.all(lines)).sort().join("\n")));
}

describe("an adapter as GGUF", () => {
  test.each(goldenCases)("of %s has the tensors of llama.cpp's converter", async (name) => {
    const { run, config } = await runOf(name);
    for (const type of adapterTypes) {
      expect(await digestOf(await written(run, config, type)), type).toBe(digests[name][type]);
    }
  });

  test("of a Llama has other tensors where q and k keep their rows' order", async () => {
    const { run, config } = await runOf("gqa-untied");
    const kept = { ...config, architecture: "Qwen2ForCausalLM" };
    expect(await digestOf(await written(run, kept))).not.toBe(digests["gqa-untied"].F32);
  });

  test("has the keys that llama.cpp reads, in their types", async () => {
    const { run, config } = await runOf("qwen3");
    const base = { ...run.base, source: "hub", name: "org/Base", hubName: "org/Base" };
    const { metadata } = ggufAdapter({ ...run, base }, config, "F16");
    expect(Object.fromEntries(metadata)).toEqual({
      "general.architecture": { type: "string", value: "qwen3" },
      "general.type": { type: "string", value: "adapter" },
      "adapter.type": { type: "string", value: "lora" },
      "general.name": { type: "string", value: "org/Base LoRA" },
      "general.base_model.count": { type: "u32", value: 1 },
      "general.base_model.0.name": { type: "string", value: "Base" },
      "general.base_model.0.organization": { type: "string", value: "org" },
      "general.base_model.0.repo_url": { type: "string", value: "https://huggingface.co/org/Base" },
      "adapter.lora.alpha": { type: "f32", value: run.recipe.alpha },
      "general.quantization_version": { type: "u32", value: 2 },
    });
  });

  test("names no base model where nobody said which it is", async () => {
    const { run, config } = await runOf("qwen3");
    const base = { ...run.base, name: "half \ud83d", hubName: null };
    const file = await written({ ...run, base }, config);
    expect(file.metadata.get("general.name")).toBe("half \ufffd LoRA");
    expect([...file.metadata.keys()].some((key) => key.includes("base_model"))).toBe(false);
  });

  test.each(["embed_tokens", "lm_head"])(
    "never holds tensors of %s, which llama.cpp cannot apply",
    async (module) => {
      const { run, config } = await runOf("mha-tied");
      const tensors = run.adapter.tensors.map((tensor) => ({
        ...tensor,
        name: tensor.name.replace(/model\.layers\.\d+\.\w+\.\w+/, `model.${module}`),
      }));
      const foreign = { ...run, adapter: { tensors } };
      expect(() => ggufAdapter(foreign, config, "F32")).toThrow("no linear layer");
    },
  );
});
