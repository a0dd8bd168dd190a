// Weight files: safetensors, GGUF with metadata and tokenizer, and folders quantised by MLX and
// bitsandbytes.
import { encodeSafetensors, type TensorData } from "../../../src/formats/safetensors-write.ts";
import { openSafetensors } from "../../../src/formats/safetensors.ts";
import { ConfigFields } from "../../../src/model/config/fields.ts";
import { describeGguf } from "../../../src/model/description.ts";
import { openFolderTensors } from "../../../src/model/folder/tensors.ts";
import { openGguf } from "../../../src/model/gguf/open.ts";
import { parseQuantisation } from "../../../src/model/quantised/scheme.ts";
import type { SourceTensor } from "../../../src/model/source-tensor.ts";
import { f32Tensor, list, number, str, strings, writeGguf } from "../../support/gguf-writer.ts";
import { bytesOf, memorySource, pack, textOf, unpack, type Bytes, type Family } from "../family.ts";
import { mutateBytes, mutateParts, mutateSafetensors } from "../mutate.ts";

const never = new AbortController().signal;
const spec = { name: "a.weight", shape: [2, 64] };

const tensorWords = [
  ...["F32", "F16", "BF16", "U8", "BOOL", "F64", "F8_E4M3", "dtype", "shape", "data_offsets"],
  ...[
    "__metadata__",
    '"__metadata__":{"a":"b"},',
    '"__metadata__":null,',
    "\\u0000",
    "\\ud800",
    "\ufeff",
    "[0,0]",
  ],
];

function smallTensors(): Bytes {
  return encodeSafetensors(
    [
      { name: "a.weight", dtype: "F32", shape: [2, 3], data: new Float32Array(6) },
      { name: "b", dtype: "BF16", shape: [4], data: new Uint16Array(4) },
      { name: "scalar", dtype: "U8", shape: [], data: new Uint8Array(1) },
      { name: "empty", dtype: "F16", shape: [0, 7], data: new Uint16Array(0) },
    ],
    { format: "pt" },
  );
}

/** Two rows of 64 values in 4 bits, as mlx-lm stores them. */
function mlxTensors(): Bytes {
  const groups = new Uint16Array(2).fill(0x3c00);
  return encodeSafetensors([
    { name: "a.weight", dtype: "U32", shape: [2, 8], data: new Uint32Array(16) },
    { name: "a.scales", dtype: "F16", shape: [2, 1], data: groups },
    { name: "a.biases", dtype: "F16", shape: [2, 1], data: groups },
  ]);
}

/** Two rows of 64 values in nf4 with double quantisation. */
function nf4Tensors(): Bytes {
  const state = bytesOf(
    JSON.stringify({
      ...{ quant_type: "nf4", blocksize: 64, dtype: "bfloat16", shape: [2, 64] },
      ...{ nested_blocksize: 256, nested_dtype: "float32", nested_offset: 0.25 },
    }),
  );
  const floats = (suffix: string, count: number): TensorData => {
    const data = new Float32Array(count);
    return { name: `a.weight.${suffix}`, dtype: "F32", shape: [count], data };
  };
  const name = "a.weight.quant_state.bitsandbytes__nf4";
  return encodeSafetensors([
    { name: "a.weight", dtype: "U8", shape: [64, 1], data: new Uint8Array(64) },
    { name: "a.weight.absmax", dtype: "U8", shape: [2], data: new Uint8Array(2) },
    { name, dtype: "U8", shape: [state.length], data: state },
    floats("quant_map", 16),
    floats("nested_quant_map", 256),
    floats("nested_absmax", 1),
  ]);
}

const folder = (config: object, weights: Bytes) => pack([bytesOf(JSON.stringify(config)), weights]);

async function openFolder(input: Bytes): Promise<void> {
  const [config, weights] = unpack(input, 2);
  const scheme = parseQuantisation(ConfigFields.parse(textOf(config!), "config.json"));
  const files = new Map([["model.safetensors", memorySource(weights!, "model.safetensors")]]);
  const set = { source: "files", name: "folder", files } as const;
  for (const tensor of (await openFolderTensors(set, [spec], scheme)).tensors.values()) {
    await readAll(tensor);
  }
}

async function readAll(tensor: SourceTensor): Promise<void> {
  await tensor.values(0, Math.min(tensor.shape[0] ?? 1, 2), never);
  for await (const part of tensor.packed?.(never) ?? []) {
    part.values.at(0);
  }
}

/** A model of one layer with four tokens. */
function smallGguf(kind: "llama" | "qwen2" | "gemma2" | "gemma3" | "phi3" | "smollm3"): Bytes {
  const isBytes = kind === "qwen2" || kind === "smollm3";
  const isFused = kind === "phi3" || kind === "gemma2";
  const ownTensors = isFused ? ["attn_qkv"] : ["attn_q", "attn_k", "attn_v"];
  const gate = kind === "phi3" ? [] : ["ffn_gate"];
  const tensors = [...ownTensors, ...gate, "attn_norm", "attn_output", "ffn_norm", "ffn_up"];
  const tokens = ["<unk>", "<s>", "</s>", "a", "b", "ab"];
  return new Uint8Array(
    writeGguf({
      metadata: [
        ["general.architecture", str(kind)],
        ["general.name", str("Small")],
        [`${kind}.context_length`, number("u32", 64)],
        [`${kind}.embedding_length`, number("u32", 4)],
        [`${kind}.block_count`, number("u32", 1)],
        [`${kind}.feed_forward_length`, number("u32", 4)],
        [`${kind}.attention.head_count`, number("u32", 2)],
        [`${kind}.attention.head_count_kv`, number("u32", 1)],
        [`${kind}.attention.layer_norm_rms_epsilon`, number("f32", 1e-6)],
        [`${kind}.rope.dimension_count`, number("u32", 2)],
        ["tokenizer.ggml.model", str(isBytes ? "gpt2" : "llama")],
        ...(isBytes
          ? [
              ["tokenizer.ggml.pre", str("qwen2")] as const,
              ["tokenizer.ggml.merges", strings(["a b"])] as const,
            ]
          : [["tokenizer.ggml.scores", list("f32", [0, 0, 0, -1, -2, -3])] as const]),
        ["tokenizer.ggml.tokens", strings(tokens)],
        ["tokenizer.ggml.token_type", list("i32", [2, 3, 3, 1, 1, 1])],
        ["tokenizer.ggml.eos_token_id", number("u32", 2)],
        ["tokenizer.chat_template", str("{{ messages[0].content }}")],
      ],
      tensors: [
        f32Tensor("token_embd.weight", [4, 6], new Float32Array(24)),
        ...tensors.map((name) => {
          // Two heads of q, one of k and one of v, each of two rows.
          const rows = name === "attn_qkv" ? 8 : 4;
          return f32Tensor(`blk.0.${name}.weight`, [4, rows], new Float32Array(4 * rows));
        }),
        f32Tensor("rope_freqs.weight", [1], new Float32Array(1).fill(1)),
      ],
    }),
  );
}

export const weightFamilies: readonly Family[] = [
  {
    name: "gguf",
    words: [
      ...["GGUF", "general.architecture", "llama", "gemma2", "smollm3", "gpt2", "tokenizer.ggml."],
      ...["\u0000\u0000\u0000\u0000", "\u0009\u0000\u0000\u0000", "\u0008\u0000\u0000\u0000"],
      ...["\u0014\u0000\u0000\u0000", "\u002a\u0000\u0000\u0000", "attn_qkv", "yarn"],
    ],
    seeds: () =>
      (["llama", "qwen2", "gemma2", "gemma3", "phi3", "smollm3"] as const).map((kind) =>
        smallGguf(kind),
      ),
    run: async (input) => {
      const model = await openGguf(memorySource(input, "model.gguf"), never);
      for (const tensor of model.tensors.values()) {
        await readAll(tensor);
      }
      describeGguf(model, "model.gguf").tokenizer.encode("a b<s> ab");
    },
    // A config's lists have an entry for each of up to a thousand layers.
    extraBytes: 2 ** 20,
  },
  {
    name: "safetensors",
    words: tensorWords,
    seeds: () => [smallTensors()],
    mutate: mutateSafetensors,
    run: async (input) => {
      const file = await openSafetensors(memorySource(input, "model.safetensors"));
      for (const name of file.tensors.keys()) {
        await file.readBytes(name);
      }
    },
  },
  {
    name: "mlx",
    words: [...tensorWords, "a.scales", "a.biases", "quantization", "bits", "group_size"],
    seeds: () => [folder({ quantization: { group_size: 64, bits: 4 } }, mlxTensors())],
    mutate: mutateParts(mutateBytes, mutateSafetensors),
    run: openFolder,
  },
  {
    name: "bitsandbytes",
    words: [...tensorWords, "absmax", "nf4", "fp4", "blocksize", "nested_offset", "quant_type"],
    seeds: () => {
      const config = { quantization_config: { quant_method: "bitsandbytes", load_in_4bit: true } };
      return [folder(config, nf4Tensors())];
    },
    mutate: mutateParts(mutateBytes, mutateSafetensors),
    run: openFolder,
  },
];
