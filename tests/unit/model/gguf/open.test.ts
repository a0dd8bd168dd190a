// A GGUF file as a model: every architecture's config and names, the golden file as transformers
// reads it, and what is refused.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { blobSource } from "../../../../src/formats/byte-source.ts";
import { parseModelConfig } from "../../../../src/model/config/parse.ts";
import { openGguf } from "../../../../src/model/gguf/open.ts";
import { tensorsOf } from "../../../../src/model/tensors.ts";
import { UserError, type ErrorCode } from "../../../../src/util/errors.ts";
import {
  bytesOf,
  f32Tensor,
  list,
  number,
  str,
  strings,
  writeGguf,
  type Typed,
  type WrittenTensor,
} from "../../../support/gguf-writer.ts";

const { signal } = new AbortController();
const sizes = { hidden: 64, heads: 4, keyHeads: 2, headDim: 32, layers: 4, width: 96, vocab: 4 };
const { hidden, heads, keyHeads, headDim, layers, width, vocab } = sizes;

type Metadata = Record<string, Typed | undefined>;
type Tensors = Record<string, readonly number[] | WrittenTensor | undefined>;

interface Changes {
  metadata?: Metadata;
  tensors?: Tensors;
}

function metadataOf(kind: string): Metadata {
  return {
    "general.architecture": str(kind),
    "general.name": str("Made Up"),
    "general.license": str("mit"),
    [`${kind}.context_length`]: number("u32", 4096),
    [`${kind}.embedding_length`]: number("u32", hidden),
    [`${kind}.block_count`]: number("u32", layers),
    [`${kind}.feed_forward_length`]: number("u32", width),
    [`${kind}.attention.head_count`]: number("u32", heads),
    [`${kind}.attention.head_count_kv`]: number("u32", keyHeads),
    [`${kind}.attention.key_length`]: number("u32", headDim),
    [`${kind}.attention.value_length`]: number("u32", headDim),
    [`${kind}.attention.layer_norm_rms_epsilon`]: number("f32", 1e-6),
    [`${kind}.rope.freq_base`]: number("f32", 10_000),
    "tokenizer.ggml.model": str("llama"),
    "tokenizer.ggml.tokens": strings(["<unk>", "<s>", "</s>", "a"]),
    "tokenizer.ggml.scores": list("f32", [0, 0, 0, -1]),
    "tokenizer.ggml.token_type": list("i32", [2, 3, 3, 1]),
  };
}

const plain = {
  attn_norm: [hidden],
  attn_q: [hidden, heads * headDim],
  attn_k: [hidden, keyHeads * headDim],
  attn_v: [hidden, keyHeads * headDim],
  attn_output: [heads * headDim, hidden],
  ffn_norm: [hidden],
  ffn_gate: [hidden, width],
  ffn_up: [hidden, width],
  ffn_down: [width, hidden],
};
const headNorms = { attn_q_norm: [headDim], attn_k_norm: [headDim] };
const sandwich = { post_attention_norm: [hidden], post_ffw_norm: [hidden] };
const ofLayer: Record<string, Record<string, number[]>> = {
  llama: plain,
  smollm3: plain,
  qwen2: plain,
  qwen3: { ...plain, ...headNorms },
  gemma2: { ...plain, ...sandwich },
  gemma3: { ...plain, ...headNorms, ...sandwich },
  phi3: {
    attn_norm: [hidden],
    attn_qkv: [hidden, (heads + 2 * keyHeads) * headDim],
    attn_output: [heads * headDim, hidden],
    ffn_norm: [hidden],
    ffn_up: [hidden, 2 * width],
    ffn_down: [width, hidden],
  },
};

function tensorsOfKind(kind: string): Tensors {
  const biases = kind === "qwen2" ? ["q", "k", "v"] : [];
  const inLayers = Array.from({ length: layers }, (_, layer) => [
    ...Object.entries(ofLayer[kind] ?? {}).map(([name, ne]) => [`blk.${layer}.${name}.weight`, ne]),
    ...biases.map((name) => [
      `blk.${layer}.attn_${name}.bias`,
      [(name === "q" ? heads : keyHeads) * headDim],
    ]),
  ]).flat();
  return {
    "token_embd.weight": [hidden, vocab],
    "output_norm.weight": [hidden],
    ...(Object.fromEntries(inLayers) as Tensors),
  };
}

function fileOf(kind: string, changes: Changes = {}) {
  const metadata = { ...metadataOf(kind), ...changes.metadata };
  const tensors = { ...tensorsOfKind(kind), ...changes.tensors };
  return blobSource(
    new Blob([
      writeGguf({
        metadata: Object.entries(metadata).filter(
          (entry): entry is [string, Typed] => entry[1] !== undefined,
        ),
        tensors: Object.entries(tensors).flatMap(([name, written]) => {
          if (written === undefined) {
            return [];
          }
          const isShape = Array.isArray(written);
          const ne = isShape ? (written as number[]) : [];
          const values = new Float32Array(ne.reduce((product, size) => product * size, 1));
          return isShape
            ? [f32Tensor(name, ne, values)]
            : [{ ...(written as WrittenTensor), name }];
        }),
      }),
    ]),
    "model.gguf",
  );
}

async function configOf(kind: string, changes?: Changes) {
  const { config, tensors } = await openGguf(fileOf(kind, changes), signal);
  return { config, tensors, parsed: parseModelConfig(JSON.stringify(config), "model.gguf") };
}

describe("a file of kind", () => {
  test.each([
    ["llama", "LlamaForCausalLM", {}],
    ["qwen2", "Qwen2ForCausalLM", { hasQkvBias: true }],
    ["qwen3", "Qwen3ForCausalLM", { hasQkNorm: true }],
    ["smollm3", "SmolLM3ForCausalLM", {}],
    ["gemma2", "Gemma2ForCausalLM", { normOffset: 1, attentionSoftcap: 50, logitSoftcap: 30 }],
    ["gemma3", "Gemma3ForCausalLM", { normOffset: 1, hasQkNorm: true, logitSoftcap: null }],
    ["phi3", "Phi3ForCausalLM", { isFused: true }],
  ])("%s has the config and every tensor of %s", async (kind, architecture, fields) => {
    const window = { [`${kind}.attention.sliding_window`]: number("u32", 512) };
    const changes = kind.startsWith("gemma") ? { metadata: window } : {};
    const { parsed, tensors } = await configOf(kind, changes);
    expect(parsed).toMatchObject({
      architecture,
      hiddenSize: hidden,
      numKeyValueHeads: keyHeads,
      headDim,
      rmsNormEps: 1e-6,
      maxPositionEmbeddings: 4096,
      tieWordEmbeddings: true,
      vocabSize: vocab,
      ...fields,
    });
    const expected = tensorsOf(parsed).map(({ name, shape }) => [name, ...shape]);
    const found = [...tensors].map(([name, { shape }]) => [name, ...shape]);
    expect(found.sort()).toEqual(expected.sort());
  });

  test("smollm3 has no RoPE in every fourth layer", async () => {
    const { parsed } = await configOf("smollm3");
    expect(parsed.layers.map(({ hasRope }) => hasRope)).toEqual([true, true, true, false]);
  });

  test("gemma2 has sliding attention in every other layer, gemma3 in five of six", async () => {
    const sliding = async (kind: string, layers: number) => {
      const blocks = Object.entries(tensorsOfKind(kind)).filter(([name]) =>
        name.startsWith("blk.0."),
      );
      const more = Array.from({ length: layers }, (_, layer) =>
        blocks.map(([name, ne]) => [name.replace("blk.0.", `blk.${layer}.`), ne]),
      ).flat();
      const { parsed } = await configOf(kind, {
        metadata: {
          [`${kind}.block_count`]: number("u32", layers),
          [`${kind}.attention.sliding_window`]: number("u32", 512),
        },
        tensors: Object.fromEntries(more) as Tensors,
      });
      return parsed.layers.map(({ isSliding }) => Number(isSliding)).join("");
    };
    expect(await sliding("gemma2", 4)).toBe("1010");
    expect(await sliding("gemma3", 12)).toBe("111110111110");
  });

  test("gemma3 has a separate RoPE in its sliding layers", async () => {
    const { parsed } = await configOf("gemma3", {
      metadata: {
        "gemma3.attention.sliding_window": number("u32", 512),
        "gemma3.rope.freq_base": number("f32", 1e6),
        "gemma3.rope.scaling.type": str("linear"),
        "gemma3.rope.scaling.factor": number("f32", 8),
      },
    });
    expect(parsed.rope).toEqual({ theta: 1e6, scaling: { kind: "linear", factor: 8 } });
    expect(parsed.slidingRope).toEqual({ theta: 10_000, scaling: null });
  });

  test("llama with a sliding window is Mistral", async () => {
    const { parsed } = await configOf("llama", {
      metadata: { "llama.attention.sliding_window": number("u32", 512) },
    });
    expect(parsed).toMatchObject({ architecture: "MistralForCausalLM", slidingWindow: 512 });
  });

  test("llama with an output tensor has an untied head", async () => {
    const { parsed, tensors } = await configOf("llama", {
      tensors: { "output.weight": [hidden, vocab] },
    });
    expect(parsed.tieWordEmbeddings).toBe(false);
    expect(tensors.get("lm_head.weight")?.shape).toEqual([vocab, hidden]);
  });

  test("gemma2 has norms that are 1 lower than in the file", async () => {
    const ones = f32Tensor("", [hidden], new Float32Array(hidden).fill(1.25));
    const { tensors } = await configOf("gemma2", { tensors: { "output_norm.weight": ones } });
    const values = await tensors.get("model.norm.weight")!.values(0, 1, signal);
    expect(new Set(values)).toEqual(new Set([0.25]));
  });
});

describe("RoPE's divisors", () => {
  /** As conversion/llama.py of llama.cpp works them out. */
  function divisors(factor: number, original: number, theta: number): WrittenTensor {
    const values = Float32Array.from({ length: headDim / 2 }, (_, i) => {
      const wavelength = (2 * Math.PI) / Math.fround(1 / theta ** ((2 * i) / headDim));
      if (wavelength < original / 4) {
        return 1;
      }
      const smooth = (original / wavelength - 1) / 3;
      return wavelength > original ? factor : 1 / ((1 - smooth) / factor + smooth);
    });
    return f32Tensor("", [headDim / 2], values);
  }
  const theta = { "llama.rope.freq_base": number("f32", 500_000) };

  test.each([
    [8, 8192],
    [32, 8192],
    [4, 2048],
  ])("of factor %i over %i tokens become Llama 3's scaling again", async (factor, original) => {
    const tensors = { "rope_freqs.weight": divisors(factor, original, 500_000) };
    const { config, parsed } = await configOf("llama", { metadata: theta, tensors });
    expect(config["rope_scaling"]).toEqual({
      rope_type: "llama3",
      factor,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: original,
    });
    expect(parsed.rope.scaling).toMatchObject({ kind: "llama3", factor });
  });

  test("of 1 are no scaling", async () => {
    const ones = f32Tensor("", [headDim / 2], new Float32Array(headDim / 2).fill(1));
    const { config } = await configOf("llama", { tensors: { "rope_freqs.weight": ones } });
    expect(config["rope_scaling"]).toBeNull();
  });

  test("of Phi-3 are its short and long factors", async () => {
    const factors = (value: number) =>
      f32Tensor("", [headDim / 2], new Float32Array(headDim / 2).fill(value));
    const { config } = await configOf("phi3", {
      metadata: { "phi3.rope.scaling.original_context_length": number("u32", 2048) },
      tensors: { "rope_factors_long.weight": factors(4), "rope_factors_short.weight": factors(1) },
    });
    expect(config).toMatchObject({
      original_max_position_embeddings: 2048,
      rope_scaling: { rope_type: "longrope", short_factor: new Array(16).fill(1) },
    });
  });
});

test("the golden file has the same values as in transformers, to the bit", async () => {
  const folder = new URL("../../../golden/gguf/", import.meta.url);
  const golden = JSON.parse(await readFile(new URL("tiny.json", folder), "utf8")) as {
    tensors: Record<string, { shape: number[]; sha256: string }>;
  };
  const blob = new Blob([await readFile(new URL("tiny.gguf", folder))]);
  const model = await openGguf(blobSource(blob, "tiny.gguf"), signal);
  expect(model).toMatchObject({ name: "Tiny Llama", licence: "apache-2.0" });
  expect(model.config).toMatchObject({ rms_norm_eps: 1e-5, num_attention_heads: 4 });
  const found: typeof golden.tensors = {};
  for (const [name, tensor] of model.tensors) {
    const values = await tensor.values(0, tensor.kept.rows, signal);
    const sha256 = createHash("sha256").update(bytesOf(values));
    found[name] = { shape: [...tensor.shape], sha256: sha256.digest("hex") };
  }
  expect(found).toEqual(golden.tensors);
});

describe("a GGUF file is refused with a reason:", () => {
  const u32 = (value: number) => number("u32", value);
  test.each<[string, string, Changes, ErrorCode, string]>([
    [
      "an adapter",
      "llama",
      { metadata: { "general.type": str("adapter") } },
      "unsupported-architecture",
      'It contains "adapter", not a complete model',
    ],
    [
      "one part of three",
      "llama",
      { metadata: { "split.count": number("u16", 3), "split.no": number("u16", 1) } },
      "missing-file",
      "It is part 2 of 3",
    ],
    [
      "no architecture",
      "llama",
      { metadata: { "general.architecture": undefined } },
      "unsupported-architecture",
      'The architecture "" is not supported',
    ],
    [
      "another architecture",
      "llama",
      { metadata: { "general.architecture": str("mamba") } },
      "unsupported-architecture",
      '"mamba"',
    ],
    [
      "an architecture that is a number",
      "llama",
      { metadata: { "general.architecture": u32(1) } },
      "bad-config",
      "must be text",
    ],
    [
      "a mixture of experts",
      "llama",
      { metadata: { "llama.expert_count": u32(8) } },
      "unsupported-architecture",
      "mixture of 8 experts",
    ],
    [
      "no hidden size",
      "llama",
      { metadata: { "llama.embedding_length": undefined } },
      "bad-config",
      'key "llama.embedding_length": It is missing',
    ],
    [
      "a hidden size that is text",
      "llama",
      { metadata: { "llama.embedding_length": str("64") } },
      "bad-config",
      "must be a whole number",
    ],
    [
      "layers of different widths",
      "llama",
      { metadata: { "llama.feed_forward_length": list("u32", [96, 96, 64, 96]) } },
      "bad-config",
      "It must be the same for all layers",
    ],
    [
      "keys and values of different widths",
      "llama",
      { metadata: { "llama.attention.value_length": u32(16) } },
      "bad-config",
      "Keys have 32 dimensions and values 16",
    ],
    [
      "heads that RoPE rotates in part",
      "qwen2",
      { metadata: { "qwen2.rope.dimension_count": u32(16) } },
      "bad-config",
      "RoPE rotates only 16 of 32 dimensions",
    ],
    [
      "heads of a fractional size",
      "llama",
      {
        metadata: {
          "llama.attention.key_length": undefined,
          "llama.attention.value_length": undefined,
          "llama.attention.head_count": u32(7),
        },
      },
      "bad-config",
      "The head size would be",
    ],
    [
      "no epsilon",
      "llama",
      { metadata: { "llama.attention.layer_norm_rms_epsilon": undefined } },
      "bad-config",
      "It is missing",
    ],
    [
      "an epsilon that is not a number",
      "llama",
      { metadata: { "llama.attention.layer_norm_rms_epsilon": number("f32", NaN) } },
      "bad-config",
      "It is NaN",
    ],
    [
      "no embedding",
      "llama",
      { tensors: { "token_embd.weight": undefined } },
      "missing-tensor",
      'no tensor "token_embd.weight"',
    ],
    [
      "a tensor of another kind of model",
      "llama",
      { tensors: { "blk.0.ffn_gate_inp.weight": [64, 8] } },
      "unsupported-architecture",
      'tensor "blk.0.ffn_gate_inp.weight"',
    ],
    [
      "a tensor of no layer",
      "llama",
      { tensors: { "blk.01.attn_q.weight": [64, 64] } },
      "unsupported-architecture",
      '"blk.01.attn_q.weight"',
    ],
    [
      "a tensor in a type that is not decoded",
      "llama",
      {
        tensors: {
          "blk.0.ffn_up.weight": { name: "", ne: [256, 1], type: 23, data: new Uint8Array(136) },
        },
      },
      "wrong-dtype",
      "The type IQ4_XS is not supported",
    ],
    [
      "rows that are not a multiple of the head size",
      "llama",
      { tensors: { "blk.0.attn_q.weight": [64, 100] } },
      "wrong-shape",
      "100 rows are not a multiple of the head size 32",
    ],
    [
      "divisors of RoPE that are not Llama 3's",
      "llama",
      { tensors: { "rope_freqs.weight": f32Tensor("", [16], new Float32Array(16).fill(3)) } },
      "unsupported-architecture",
      "do not match Llama 3's RoPE scaling",
    ],
    [
      "divisors of RoPE that are quantised",
      "llama",
      {
        tensors: { "rope_freqs.weight": { name: "", ne: [32], type: 8, data: new Uint8Array(34) } },
      },
      "wrong-dtype",
      "It is Q8_0; it must be F32",
    ],
    [
      "a matrix of divisors of RoPE",
      "llama",
      { tensors: { "rope_freqs.weight": [16, 4] } },
      "wrong-shape",
      "it must be one row",
    ],
    [
      "a vocabulary without scores",
      "llama",
      { metadata: { "tokenizer.ggml.scores": undefined } },
      "bad-tokenizer",
      "need scores",
    ],
  ])("%s", async (_, kind, changes, code, says) => {
    const fault = await openGguf(fileOf(kind, changes), signal).then(
      () => null,
      (error: unknown) => error,
    );
    expect(fault).toBeInstanceOf(UserError);
    expect(fault).toMatchObject({ code });
    expect((fault as UserError).message).toContain(says);
    expect((fault as UserError).where).toContain("model.gguf");
  });
});
