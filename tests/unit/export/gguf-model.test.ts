// Merged models as GGUF, against what llama.cpp's converter makes of the models, and read back.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { ggufModel } from "../../../src/export/gguf/model/contents.ts";
import { generalKeys, sizeKeys } from "../../../src/export/gguf/model/metadata.ts";
import { ropeOf } from "../../../src/export/gguf/model/rope.ts";
import { ggufTensor, modelTypes, type ModelType } from "../../../src/export/gguf/model/tensors.ts";
import { requireComputable } from "../../../src/export/gguf/model/unsupported.ts";
import { mergedTensors } from "../../../src/export/merged/tensors.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openGgufFile, type GgufFile } from "../../../src/formats/gguf/file.ts";
import { ggufParts, type TensorToWrite } from "../../../src/formats/gguf/write.ts";
import type { TypedMetadata } from "../../../src/formats/gguf/write-value.ts";
import { parseModelConfig } from "../../../src/model/config/parse.ts";
import { architectureOfClass } from "../../../src/model/gguf/architecture.ts";
import { openModel, type BaseModel } from "../../../src/model/open.ts";
import { readValues } from "../../../src/model/weights/store.ts";
import { concatBytes, sha256Hex } from "../../../src/util/bytes.ts";
import { goldenCases, openGolden, type GoldenCase } from "../../support/golden.ts";
import { tinyFolder } from "../model/tiny-model.ts";
import { fixtureRun } from "./fixture.ts";

const folder = new URL("../../golden/", import.meta.url);
const read = async (path: string) => new Blob([await readFile(new URL(path, folder))]);
const golden = JSON.parse(await (await read("gguf/models.json")).text()) as Record<
  GoldenCase,
  { tensors: Record<ModelType, string>; keys: Record<string, [string, unknown]> }
>;
const { signal } = new AbortController();

/** The golden's model with an adapter that changes nothing. */
async function unchanged(name: GoldenCase) {
  const { config, weights } = await openGolden(name, read);
  const texts = new Map([["config.json", await (await read(`${name}/config.json`)).text()]]);
  const model = { config, weights, texts, licence: null } as unknown as BaseModel;
  return { model, run: { ...(await fixtureRun()), adapter: { tensors: [] } } };
}

async function written(
  metadata: TypedMetadata,
  tensors: readonly TensorToWrite[],
): Promise<GgufFile> {
  const parts = [];
  for await (const part of ggufParts(metadata, tensors, signal)) {
    parts.push(part);
  }
  return await openGgufFile(blobSource(new Blob([concatBytes(parts)]), "model.gguf"));
}

/** As `digest` in golden/gguf/models.py. */
async function digestOf(file: GgufFile): Promise<string> {
  const lines = [...file.tensors.values()].map(async (tensor) => {
    const bytes = await file.readRows(tensor, 0, tensor.sizeBytes / tensor.rowBytes);
    return `${tensor.name} ${tensor.type.name} ${tensor.ne.join(",")} ${await sha256Hex(bytes)}`;
  });
  return await sha256Hex(new TextEncoder().encode((await Promise.all(lines)).sort().join("\n")));
}

describe("a merged model as GGUF", () => {
  test.each(goldenCases)("of %s has the tensors of llama.cpp's converter", async (name) => {
    const { model, run } = await unchanged(name);
    const architecture = architectureOfClass(model.config.architecture);
    const rope = ropeOf(model, architecture.name);
    for (const type of ["F32", "F16", "BF16", "Q8_0"] as const) {
      const tensors = mergedTensors(model, run).map((tensor) =>
        ggufTensor(tensor, model.config, architecture, type),
      );
      const file = await written([], [...rope.tensors, ...tensors]);
      expect(await digestOf(file), type).toBe(golden[name].tensors[type]);
    }
  });

  test.each(goldenCases)("of %s has the keys of llama.cpp's converter", async (name) => {
    const { model } = await unchanged(name);
    const architecture = architectureOfClass(model.config.architecture).name;
    const keys = new Map([
      ...sizeKeys(model, architecture),
      ...ropeOf(model, architecture).metadata,
    ]);
    const types: Record<string, string> = { u32: "UINT32", f32: "FLOAT32", string: "STRING" };
    for (const [key, [type, value]] of Object.entries(golden[name].keys)) {
      if (name === "phi3" && key.endsWith("original_context_length")) {
        continue; // llama.cpp reads it where RoPE is scaled
      }
      const own = keys.get(key);
      expect(types[own?.type ?? ""], key).toBe(type);
      expect(own?.type === "f32" ? Math.fround(own.value) : own?.value, key).toBe(value);
    }
  });

  test.each(modelTypes)("in %s opens in our own reader as the model that it was", async (type) => {
    const model = await openModel(tinyFolder());
    const run = { ...(await fixtureRun()), adapter: { tensors: [] } };
    const { metadata, tensors } = await ggufModel(run, model, type);
    const parts = [];
    for await (const part of ggufParts(metadata, tensors, signal)) {
      parts.push(part);
    }
    const file = blobSource(new Blob(parts), "model.gguf");
    const back = await openModel({
      source: "files",
      name: "back",
      files: new Map([[file.name, file]]),
    });
    expect(back.config).toEqual({ ...model.config, headDim: 4 });
    const text = "The sea\n shells 123";
    expect(back.tokenizer.encode(text)).toEqual(model.tokenizer.encode(text));
    expect(back.stopTokens).toEqual(model.stopTokens);
    const messages = [{ role: "user", content: "Hello" }];
    const request = [{ messages, addGenerationPrompt: true }];
    expect(await back.tokenizer.renderChats(request)).toEqual(
      await model.tokenizer.renderChats(request),
    );
    if (type === "F32") {
      for (const name of model.weights.shapes.keys()) {
        expect(await readValues(back.weights, name, signal), name).toEqual(
          await readValues(model.weights, name, signal),
        );
      }
    }
  });

  test.each([
    ["Phi-3-mini", false, "Phi 3-mini merged"],
    ["org/phi3-copy", false, "org/Phi 3-copy merged"],
    ["Phi-3-mini", true, "Phi-3-mini merged"],
    ["mine", true, "mine merged Phi-3"],
    ["Llama-3", false, "Llama-3 merged"],
  ])(
    "named %s, with tokens of Phi-3: %s, is called %s, by which llama.cpp knows how to split",
    async (name, isPhi3, expected) => {
      const { model, run } = await unchanged("phi3");
      const strips = (content: string, rstrip: boolean) => ({ content, rstrip });
      const plain = ["</s>", "<unk>", "<s>", "<|endoftext|>"].map((text) => strips(text, false));
      const added_tokens = isPhi3 ? [...plain, strips("<|end|>", true)] : [plain[0]];
      const texts = new Map([["tokenizer.json", JSON.stringify({ added_tokens })]]);
      const base = { ...run.base, name, hubName: null };
      const keys = generalKeys({ ...run, base }, { ...model, texts }, "phi3", "F16");
      expect(new Map(keys).get("general.name")).toEqual({ type: "string", value: expected });
    },
  );
});

describe("a model that llama.cpp computes otherwise", () => {
  const config = async (name: GoldenCase) =>
    parseModelConfig(await (await read(`${name}/config.json`)).text());

  test.each<[string, GoldenCase, string]>([
    ["every second layer without RoPE", "smollm3", "layers without RoPE"],
    ["wide heads", "phi3", "Phi-3 with"],
  ])("is refused: %s", async (_, name, message) => {
    const given = await config(name);
    const wide = name === "phi3" ? { ...given, headDim: given.headDim * 2 } : given;
    const architecture = architectureOfClass(given.architecture).name;
    expect(() => {
      requireComputable(wide, architecture);
    }).toThrow(message);
  });

  test("is refused with another attention scale, activation, soft cap or pattern", async () => {
    const gemma2 = await config("gemma2");
    const usual = { ...gemma2, attentionScale: 1 / Math.sqrt(gemma2.headDim) };
    const flipped = usual.layers.map((layer, i) => ({ ...layer, isSliding: i === 1 }));
    const wrong = [
      { ...usual, attentionScale: 0.5 },
      { ...usual, activation: "silu" as const },
      { ...usual, attentionSoftcap: null },
      { ...usual, layers: flipped },
    ];
    expect(() => {
      requireComputable(usual, "gemma2");
    }).not.toThrow();
    for (const each of wrong) {
      expect(() => {
        requireComputable(each, "gemma2");
      }).toThrow("llama.cpp cannot compute");
    }
  });

  test("is refused with a YaRN or a scaling that llama.cpp lacks", async () => {
    const { model } = await unchanged("yarn-rope");
    const { rope } = model.config;
    const scaling = rope.scaling as Extract<typeof rope.scaling, { kind: "yarn" }>;
    const withScaling = (changes: object, architecture: string) => () =>
      ropeOf(
        {
          ...model,
          config: { ...model.config, rope: { ...rope, scaling: { ...scaling, ...changes } } },
        },
        architecture,
      );
    expect(withScaling({}, "llama")).not.toThrow();
    expect(withScaling({ attentionFactor: 2 }, "llama")).toThrow("this YaRN");
    expect(withScaling({ isTruncated: false }, "llama")).toThrow("this YaRN");
    const llama3 = { kind: "llama3", lowFreqFactor: 1, highFreqFactor: 4 };
    expect(withScaling(llama3, "llama")).not.toThrow();
    expect(withScaling(llama3, "qwen2")).toThrow("the RoPE scaling llama3");
  });
});
