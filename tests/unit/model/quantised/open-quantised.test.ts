// Opening folders that MLX and bitsandbytes quantised, folders in parts, and a GGUF file: each as a
// model ready to run.
import { describe, expect, test } from "vitest";
import { blobSource, type ByteSource } from "../../../../src/formats/byte-source.ts";
import type { TensorData } from "../../../../src/formats/safetensors-write.ts";
import { openModel } from "../../../../src/model/open.ts";
import { choicesFor } from "../../../../src/model/weights/choice.ts";
import { decodeWeight } from "../../../../src/model/weight-format/decode.ts";
import type { WeightShape } from "../../../../src/model/weight-format/format.ts";
import { readValues } from "../../../../src/model/weights/store.ts";
import type { FileSet } from "../../../../src/sources/files.ts";
import { encodeWeight } from "../../../support/weights.ts";
import { tensorFile, tinyConfig, tinyFolder, tinyTensors } from "../tiny-model.ts";

const never = new AbortController().signal;
const wide = { ...tinyConfig, hidden_size: 64, intermediate_size: 128 };
const plain = tinyTensors(wide);
const linears = plain.filter(({ shape }) => shape.length === 2);
const embedding = "model.embed_tokens.weight";

type Quantised = { tensors: TensorData[]; values: Float32Array };

const shapeOf = ({ shape: [rows = 0, cols = 0] }: TensorData) => ({ rows, cols });

/** A weight as mlx-lm stores it. */
function asMlx(tensor: TensorData, bits: 4 | 8, groupSize: number): Quantised {
  const shape: WeightShape = { format: bits === 4 ? "q4" : "q8", ...shapeOf(tensor), groupSize };
  const stored = encodeWeight(shape, tensor.data as Float32Array<ArrayBuffer>);
  const pairs = new Uint16Array(stored.scales!);
  const every = (first: number) => pairs.filter((_, i) => i % 2 === first);
  const module = tensor.name.replace(/\.weight$/, "");
  const groups = [shape.rows, shape.cols / groupSize];
  const words = [shape.rows, (shape.cols * bits) / 32];
  return {
    tensors: [
      { name: tensor.name, dtype: "U32", shape: words, data: new Uint32Array(stored.weight!) },
      { name: `${module}.scales`, dtype: "F16", shape: groups, data: every(0) },
      { name: `${module}.biases`, dtype: "F16", shape: groups, data: every(1) },
    ],
    values: decodeWeight(shape, stored),
  };
}

/** A weight as transformers stores it with bitsandbytes, double-quantised. */
function asNf4(tensor: TensorData): Quantised {
  const shape: WeightShape = { format: "nf4", ...shapeOf(tensor) };
  const stored = encodeWeight(shape, tensor.data as Float32Array<ArrayBuffer>);
  const codes = new Uint8Array(stored.weight!).map((byte) => (byte >> 4) | (byte << 4));
  const tables = new Float32Array(stored.tables!);
  const blocks = (shape.rows * shape.cols) / 64;
  const state = {
    ...{ quant_type: "nf4", blocksize: 64, dtype: "bfloat16", shape: tensor.shape },
    ...{ nested_blocksize: 256, nested_dtype: "float32", nested_offset: tables[272] },
  };
  const json = new TextEncoder().encode(JSON.stringify(state));
  const floats = (suffix: string, data: Float32Array): TensorData => ({
    ...{ name: `${tensor.name}.${suffix}`, dtype: "F32", shape: [data.length], data },
  });
  const bytes = (suffix: string, shape: number[], data: Uint8Array): TensorData => ({
    ...{ name: `${tensor.name}${suffix}`, dtype: "U8", shape, data },
  });
  return {
    tensors: [
      bytes("", [codes.length, 1], codes),
      bytes(".absmax", [blocks], new Uint8Array(stored.scales!).slice(0, blocks)),
      bytes(".quant_state.bitsandbytes__nf4", [json.length], json),
      floats("quant_map", tables.slice(0, 16)),
      floats("nested_quant_map", tables.slice(16, 272)),
      floats("nested_absmax", tables.slice(273)),
    ],
    values: decodeWeight(shape, stored),
  };
}

/** The tiny model with some of its matrices quantised; what is stored, and what it stands for. */
function folderWith(quantise: (tensor: TensorData) => Quantised | null, config: object) {
  const stored: TensorData[] = [];
  const values = new Map<string, Float32Array>();
  for (const tensor of plain) {
    const quantised = tensor.shape.length === 2 ? quantise(tensor) : null;
    stored.push(...(quantised?.tensors ?? [tensor]));
    values.set(tensor.name, quantised?.values ?? (tensor.data as Float32Array));
  }
  const files = {
    "config.json": JSON.stringify({ ...wide, ...config }),
    "model.safetensors": tensorFile(stored),
  };
  return { set: tinyFolder(files), stored, values };
}

async function expectValues(set: FileSet, values: ReadonlyMap<string, Float32Array>) {
  const model = await openModel(set);
  for (const [name, expected] of values) {
    expect(await readValues(model.weights, name, never)).toEqual(expected);
  }
  return model;
}

describe("a folder that MLX quantised", () => {
  const quantization = {
    ...{ group_size: 64, bits: 4 },
    "model.embed_tokens": { group_size: 32, bits: 8 },
    "model.layers.1.mlp.down_proj": false,
  };
  const folder = folderWith(
    (tensor) =>
      tensor.name === embedding
        ? asMlx(tensor, 8, 32)
        : tensor.name.includes("layers.1.mlp.down")
          ? null
          : asMlx(tensor, 4, 64),
    { quantization, quantization_config: quantization },
  );

  test("an MLX folder is kept exactly, with separate rules for the embedding and single layers", async () => {
    const model = await expectValues(folder.set, folder.values);
    expect(model.dtype).toBe("affine 4-bit / 64");
    expect(model.sizeBytes).toBe(folder.stored.reduce((sum, { data }) => sum + data.byteLength, 0));
    expect(model.parameters).toBe(plain.reduce((sum, { data }) => sum + data.byteLength / 4, 0));
    expect(model.weights.shapes.get(embedding)).toEqual({
      ...{ format: "q8", rows: 320, cols: 64, groupSize: 32 },
    });
    expect(model.weights.shapes.get("model.layers.1.mlp.down_proj.weight")?.format).toBe("f32");
    expect(choicesFor(model.tensors)).toEqual([{ format: "stored" }]);
  });

  test("an MLX folder has a quantised head only where it is not tied", async () => {
    const head = asMlx({ ...linears[0]!, name: "lm_head.weight" }, 4, 64);
    const tied = await openModel(
      tinyFolder({
        "config.json": JSON.stringify({ ...wide, quantization }),
        "model.safetensors": tensorFile([...folder.stored, ...head.tensors]),
      }),
    );
    expect(tied.tensors.has("lm_head.weight")).toBe(false);
    const untied = await openModel(
      tinyFolder({
        "config.json": JSON.stringify({ ...wide, quantization, tie_word_embeddings: false }),
        "model.safetensors": tensorFile([...folder.stored, ...head.tensors]),
      }),
    );
    expect(untied.weights.shapes.get("lm_head.weight")?.format).toBe("q4");
  });

  test.each([
    [
      "bits that are not those of the codes",
      { ...quantization, bits: 8 },
      "wrong-shape",
      /not 8 bits in groups of 64/,
    ],
    [
      "a layer that it says is not quantised",
      { ...quantization, "model.layers.0.self_attn.q_proj": false },
      "bad-config",
      /has scales, but config.json says it is not quantised/,
    ],
    ["nothing about it", undefined, "wrong-dtype", /It is U32, where F32/],
  ])("an MLX folder is refused when config.json says %s", async (_, said, code, message) => {
    const config = JSON.stringify({ ...wide, quantization: said });
    const set = tinyFolder({
      "config.json": config,
      "model.safetensors": tensorFile(folder.stored),
    });
    await expect(openModel(set)).rejects.toMatchObject({
      code,
      where: expect.stringContaining("model.safetensors, tensor") as string,
      message: expect.stringMatching(message) as string,
    });
  });

  test("an MLX folder is refused when its groups give other columns than config.json", async () => {
    const other = JSON.stringify({ ...wide, quantization: { group_size: 128, bits: 4 } });
    const set = tinyFolder({
      "config.json": other,
      "model.safetensors": tensorFile(folder.stored),
    });
    await expect(openModel(set)).rejects.toMatchObject({ code: "wrong-shape" });
  });
});

describe("a folder that bitsandbytes quantised", () => {
  const quantization_config = { quant_method: "bitsandbytes", load_in_4bit: true };
  const isSkipped = ({ name }: TensorData) => name === embedding || name.includes("v_proj");
  const folder = folderWith((tensor) => (isSkipped(tensor) ? null : asNf4(tensor)), {
    quantization_config: { ...quantization_config, llm_int8_skip_modules: ["v_proj"] },
  });

  test("a bitsandbytes folder is kept exactly, and skipped layers stay plain", async () => {
    const model = await expectValues(folder.set, folder.values);
    expect(model.tensors.get("model.layers.0.mlp.up_proj.weight")?.dtype).toBe("nf4");
    expect(model.weights.shapes.get("model.layers.0.mlp.up_proj.weight")?.format).toBe("nf4");
    expect(model.weights.shapes.get("model.layers.0.self_attn.v_proj.weight")?.format).toBe("f32");
    expect(model.sizeBytes).toBe(folder.stored.reduce((sum, { data }) => sum + data.byteLength, 0));
  });

  test("a bitsandbytes folder that lacks a table is refused with file and tensor", async () => {
    const name = "model.layers.0.mlp.up_proj.weight";
    const left = folder.stored.filter((tensor) => tensor.name !== `${name}.quant_map`);
    const set = tinyFolder({
      "config.json": JSON.stringify({ ...wide, quantization_config }),
      "model.safetensors": tensorFile(left),
    });
    await expect(openModel(set)).rejects.toMatchObject({
      code: "missing-tensor",
      where: `model.safetensors, tensor "${name}"`,
    });
  });
});

test("opening a sharded model reads its index and headers only", async () => {
  const half = Math.floor(plain.length / 2);
  const [first, second] = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
  const weightMap = Object.fromEntries(
    plain.map(({ name }, i) => [name, i < half ? first : second]),
  );
  const set = tinyFolder({
    "config.json": JSON.stringify(wide),
    "model.safetensors": null,
    [first]: tensorFile(plain.slice(0, half)),
    [second]: tensorFile(plain.slice(half)),
    "model.safetensors.index.json": JSON.stringify({ metadata: {}, weight_map: weightMap }),
  });
  let weightBytes = 0;
  const counted = (source: ByteSource): ByteSource => ({
    ...source,
    read(begin, end, signal) {
      weightBytes += source.name.endsWith(".safetensors") ? end - begin : 0;
      return source.read(begin, end, signal);
    },
  });
  const files = new Map(Array.from(set.files, ([name, source]) => [name, counted(source)]));
  const model = await openModel({ ...set, files });
  // Two headers and their openings, and one norm; the tensors have 400 kB.
  expect(weightBytes).toBeLessThan(8000);
  for (const { name, data } of plain) {
    expect(await readValues(model.weights, name, never)).toEqual(data);
  }
});

describe("GGUF files", () => {
  const file = (name: string, content = "GGUF") => blobSource(new Blob([content]), name);
  const setOf = (...sources: ByteSource[]): FileSet => ({
    source: "files",
    name: "m",
    files: new Map(sources.map((source) => [source.name, source])),
  });

  test("several GGUF files in one folder are refused by name", async () => {
    await expect(openModel(setOf(file("a.gguf"), file("b.gguf")))).rejects.toMatchObject({
      code: "missing-file",
      message: expect.stringContaining("2 GGUF files") as string,
      remedy: expect.stringContaining("a.gguf; b.gguf") as string,
    });
  });

  test("a GGUF file is read unless the folder has other weights", async () => {
    await expect(openModel(setOf(file("a.gguf", "x".repeat(64))))).rejects.toMatchObject({
      code: "not-gguf",
      where: "a.gguf",
    });
    const folder = tinyFolder();
    const both = new Map([...folder.files, ["a.gguf", file("a.gguf")]]);
    expect((await openModel({ ...folder, files: both })).dtype).toBe("F32");
  });
});
