// A GGUF file as a model: every architecture's config and tensor names, and the golden file as
// transformers reads it.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { blobSource } from "../../../../src/formats/byte-source.ts";
import { parseModelConfig } from "../../../../src/model/config/parse.ts";
import { openGguf } from "../../../../src/model/gguf/open.ts";
import { tensorsOf } from "../../../../src/model/tensors.ts";
import {
  bytesOf,
  f32Tensor,
  number,
  str,
  type WrittenTensor,
} from "../../../support/gguf-writer.ts";
import { fileOf, sizes, tensorsOfKind, type Changes, type Tensors } from "./made-up-file.ts";

const { signal } = new AbortController();
const { hidden, keyHeads, headDim, vocab } = sizes;

async function configOf(kind: string, changes?: Changes) {
  const { config, tensors } = await openGguf(fileOf(kind, changes), signal);
  return { config, tensors, parsed: parseModelConfig(JSON.stringify(config), "model.gguf") };
}

describe("kinds of GGUF files", () => {
  test.each([
    ["llama", "LlamaForCausalLM", {}],
    ["qwen2", "Qwen2ForCausalLM", { hasQkvBias: true }],
    ["qwen3", "Qwen3ForCausalLM", { hasQkNorm: true }],
    ["smollm3", "SmolLM3ForCausalLM", {}],
    ["gemma2", "Gemma2ForCausalLM", { normOffset: 1, attentionSoftcap: 50, logitSoftcap: 30 }],
    ["gemma3", "Gemma3ForCausalLM", { normOffset: 1, hasQkNorm: true, logitSoftcap: null }],
    ["phi3", "Phi3ForCausalLM", { isFused: true }],
  ])(
    "a file of kind %s has the config and every tensor of %s",
    async (kind, architecture, fields) => {
      const { parsed, tensors } = await configOf(kind);
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
    },
  );

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
        metadata: { [`${kind}.block_count`]: number("u32", layers) },
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

describe("RoPE divisors", () => {
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
  ])(
    "RoPE divisors of factor %i over %i tokens are read as Llama 3's scaling",
    async (factor, original) => {
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
    },
  );

  test("RoPE divisors of 1 are read as no scaling", async () => {
    const ones = f32Tensor("", [headDim / 2], new Float32Array(headDim / 2).fill(1));
    const { config } = await configOf("llama", { tensors: { "rope_freqs.weight": ones } });
    expect(config["rope_scaling"]).toBeNull();
  });

  const yarnOf = (more: Changes["metadata"] = {}) => ({
    metadata: {
      "qwen2.rope.scaling.type": str("yarn"),
      "qwen2.rope.scaling.factor": number("f32", 4),
      "qwen2.rope.scaling.original_context_length": number("u32", 1024),
      ...more,
    },
  });

  test("YaRN is read with the keys that the converter writes", async () => {
    const { parsed } = await configOf("qwen2", yarnOf());
    const usual = { kind: "yarn", factor: 4, betaFast: 32, betaSlow: 1, isTruncated: true };
    expect(parsed.rope.scaling).toEqual({
      ...usual,
      attentionFactor: 0.1 * Math.log(4) + 1,
      originalMaxPositionEmbeddings: 1024,
    });
    const other = yarnOf({
      "qwen2.rope.scaling.yarn_attn_factor": number("f32", 1.5),
      "qwen2.rope.scaling.yarn_beta_fast": number("f32", 24),
      "qwen2.rope.scaling.yarn_beta_slow": number("f32", 2),
    });
    const { parsed: changed } = await configOf("qwen2", other);
    expect(changed.rope.scaling).toMatchObject({ attentionFactor: 1.5, betaFast: 24, betaSlow: 2 });
  });

  test.each(["yarn_ext_factor", "attn_factor", "yarn_log_multiplier"])(
    "YaRN with a %s that the converter does not write for these models is refused",
    async (key) => {
      const changes = yarnOf({ [`qwen2.rope.scaling.${key}`]: number("f32", 0.5) });
      await expect(configOf("qwen2", changes)).rejects.toThrow(/It is 0.5; YaRN is read with/);
    },
  );

  test("RoPE divisors of Phi-3 are its short and long factors", async () => {
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
