// config.json of both generations of transformers as the decoder's fields, its sizes, and the
// tokens that end a text.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import {
  parseModelConfig,
  parseModelSizes,
  parseStopTokens,
} from "../../../../src/model/config/parse.ts";
import { fewest, gemma3, longrope, mistral, parse, phi3, refusalOf } from "./given-config.ts";

const repository = new URL("../../../../", import.meta.url);
const readConfig = (folder: string) =>
  readFile(new URL(`${folder}/config.json`, repository), "utf8");

describe("a config", () => {
  test("a config of transformers 5 has rope_theta in rope_parameters and fewer key/value heads than heads", async () => {
    expect(parseModelConfig(await readConfig("tests/golden/gqa-untied"))).toEqual({
      architecture: "LlamaForCausalLM",
      vocabSize: 96,
      hiddenSize: 32,
      intermediateSize: 48,
      numHiddenLayers: 2,
      numAttentionHeads: 4,
      numKeyValueHeads: 2,
      headDim: 12,
      rmsNormEps: 1e-5,
      rope: { theta: 10_000, scaling: null },
      slidingRope: { theta: 10_000, scaling: null },
      slidingWindow: null,
      layers: [
        { isSliding: false, hasRope: true },
        { isSliding: false, hasRope: true },
      ],
      hasQkvBias: false,
      hasQkNorm: false,
      isFused: false,
      hasSandwichNorms: false,
      normOffset: 0,
      activation: "silu",
      embeddingScale: 1,
      attentionScale: 1 / Math.sqrt(12),
      attentionSoftcap: null,
      logitSoftcap: null,
      maxPositionEmbeddings: 64,
      tieWordEmbeddings: false,
    });
  });

  test("a config of transformers 4 has a top-level rope_theta and the head size hidden_size / heads", async () => {
    expect(parseModelConfig(await readConfig("tests/golden/mha-tied"))).toMatchObject({
      numAttentionHeads: 3,
      numKeyValueHeads: 3,
      headDim: 8,
      rmsNormEps: 1e-6,
      rope: { theta: 500_000, scaling: null },
      tieWordEmbeddings: true,
    });
  });

  test("a config of the demo model is read", async () => {
    expect(parseModelConfig(await readConfig("public/demo/model"))).toMatchObject({
      vocabSize: 1024,
      headDim: 32,
      maxPositionEmbeddings: 256,
      tieWordEmbeddings: true,
    });
  });

  test("a config with the fewest keys has transformers' defaults", () => {
    expect(parse({})).toMatchObject({
      numKeyValueHeads: 4,
      headDim: 16,
      rmsNormEps: 1e-6,
      rope: { theta: 10_000, scaling: null },
      maxPositionEmbeddings: 2048,
      tieWordEmbeddings: false,
    });
  });

  test("a config may contain its defaults as null or as the default kind", () => {
    const plain = parse({});
    expect(parse({ head_dim: null, num_key_value_heads: null, rope_theta: null })).toEqual(plain);
    expect(parse({ rope_scaling: null, attention_bias: false, mlp_bias: null })).toEqual(plain);
    expect(parse({ rope_scaling: { type: "default" } })).toEqual(plain);
    expect(parse({ rope_parameters: { rope_type: "default", rope_theta: 1e4 } })).toEqual(plain);
    expect(parse({ hidden_act: "silu" })).toEqual(plain);
  });

  test("a config may name its architecture by model_type alone", () => {
    expect(parse({ architectures: undefined, model_type: "llama" })).toEqual(parse({}));
  });

  test("a config may have a head_dim other than hidden_size / heads", () => {
    expect(parse({ head_dim: 128 }).headDim).toBe(128);
    expect(parse({ hidden_size: 65, head_dim: 16 }).hiddenSize).toBe(65);
  });
});

describe("a config of another architecture", () => {
  test("a config of Gemma scales embeddings in the precision of the checkpoint", () => {
    const scale = (dtype: object) =>
      parse({ ...gemma3, hidden_size: 640, ...dtype }).embeddingScale;
    expect(scale({})).toBe(25.25);
    expect(scale({ torch_dtype: "bfloat16" })).toBe(25.25);
    expect(scale({ dtype: "float16" })).toBe(25.296875);
    expect(scale({ dtype: "float32" })).toBe(Math.fround(Math.sqrt(640)));
  });

  test("a config of Gemma 3 may have its two RoPEs in the form of transformers 4 or 5", () => {
    const older = {
      rope_theta: 5e5,
      rope_local_base_freq: 2e4,
      rope_scaling: { rope_type: "linear", factor: 8 },
    };
    const newer = {
      rope_parameters: {
        full_attention: { rope_type: "linear", factor: 8, rope_theta: 5e5 },
        sliding_attention: { rope_type: "default", rope_theta: 2e4 },
      },
    };
    const config = parse({ ...gemma3, ...older });
    expect(config.rope).toEqual({ theta: 5e5, scaling: { kind: "linear", factor: 8 } });
    expect(config.slidingRope).toEqual({ theta: 2e4, scaling: null });
    expect(parse({ ...gemma3, ...newer })).toEqual(config);
  });

  test("a config of Gemma 3 keeps sliding layers with their RoPE when the window exceeds the context", () => {
    const config = parse({ ...gemma3, sliding_window: 4096, max_position_embeddings: 2048 });
    expect(config.slidingWindow).toBe(4096);
    expect(config.layers.every(({ isSliding }) => isSliding)).toBe(true);
  });

  test("a config whose window is as long as its context has no sliding layer", () => {
    const windowed = (sliding_window: number) =>
      parse({ ...mistral, sliding_window, max_position_embeddings: 2048 });
    expect(windowed(2047).slidingWindow).toBe(2047);
    expect(windowed(2048)).toEqual(
      parse({ ...mistral, sliding_window: null, max_position_embeddings: 2048 }),
    );
  });

  test("a config with longrope limits texts to the original length", () => {
    const config = parse({
      ...phi3,
      original_max_position_embeddings: 1024,
      max_position_embeddings: 16_384,
      rope_scaling: longrope,
    });
    expect(config.maxPositionEmbeddings).toBe(1024);
    expect(config.rope.scaling).toEqual({
      kind: "factors",
      factors: longrope.short_factor,
      attentionFactor: Math.sqrt(1 + Math.log(16) / Math.log(1024)),
      originalMaxPositionEmbeddings: 1024,
    });
    const named = { ...longrope, type: "su", attention_factor: 1.5 };
    expect(parse({ ...phi3, rope_scaling: named }).rope.scaling).toMatchObject({
      kind: "factors",
      attentionFactor: 1.5,
    });
  });

  test("a config of another architecture may name it by model_type alone", () => {
    expect(parse({ architectures: undefined, model_type: "gemma3_text" })).toEqual(parse(gemma3));
  });
});

describe("parseModelSizes", () => {
  const sizes = (given: object) => parseModelSizes(JSON.stringify({ ...fewest, ...given }));

  test("parseModelSizes returns the sizes of the whole config", () => {
    expect(sizes({ rope_theta: 5e5 })).toEqual(parse({ rope_theta: 5e5 }));
  });

  test.each([
    { rope_scaling: { rope_type: "dynamic", factor: 8 } },
    { rope_parameters: { rope_type: "proportional", rope_theta: 1e4 } },
    { hidden_act: "gelu" },
  ])("parseModelSizes reads a config with the same tensors but other computations: %j", (given) => {
    expect(refusalOf(given).code).toBe("unsupported-architecture");
    expect(sizes(given)).toEqual(parse({}));
  });

  test.each([
    [{ architectures: ["MixtralForCausalLM"] }, 'architecture "MixtralForCausalLM"'],
    [{ attention_bias: true }, "attention_bias"],
    [{ mlp_bias: true }, "mlp_bias"],
    [{ num_key_value_heads: 3 }, "do not divide"],
    [{ head_dim: 15 }, "RoPE needs an even number"],
  ])("parseModelSizes refuses a config with other tensors: %j", (given, message) => {
    expect(() => sizes(given)).toThrow(message);
  });
});

describe("stop tokens", () => {
  test.each([
    ["of generation_config.json", { eos_token_id: 1 }, { eos_token_id: [0, 2] }, [0, 2]],
    ["of generation_config.json as a number", {}, { eos_token_id: 7 }, [7]],
    ["of config.json where the other names none", { eos_token_id: 1 }, {}, [1]],
    ["of config.json past a null", { eos_token_id: [1, 3] }, { eos_token_id: null }, [1, 3]],
    ["of config.json without the other file", { eos_token_id: 1 }, null, [1]],
    ["none, when none is named", {}, {}, []],
  ])("the stop tokens are those %s", (_, config, generation, expected) => {
    const text = generation === null ? null : JSON.stringify(generation);
    expect(parseStopTokens(JSON.stringify(config), text)).toEqual(expected);
  });

  test.each([["</s>"], [-1], [1.5], [[0, "x"]], [{}]])("a stop token is refused as %j", (eos) => {
    const text = JSON.stringify({ eos_token_id: eos });
    const refused = (where: string) =>
      expect.objectContaining({ code: "bad-config", where }) as Error;
    expect(() => parseStopTokens("{}", text)).toThrow(refused("generation_config.json"));
    expect(() => parseStopTokens(text, null)).toThrow(refused("config.json"));
  });

  test("stop tokens are refused with the file name when the file is not JSON", () => {
    expect(() => parseStopTokens("{}", "{")).toThrow(
      expect.objectContaining({ code: "bad-config", where: "generation_config.json" }),
    );
  });
});
