// config.json of both generations to the decoder's fields, and every variant that would train a
// wrong model refused.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import {
  parseModelConfig,
  parseModelSizes,
  parseStopTokens,
} from "../../../../src/model/config/parse.ts";
import { UserError } from "../../../../src/util/errors.ts";

const repository = new URL("../../../../", import.meta.url);
const readConfig = (folder: string) =>
  readFile(new URL(`${folder}/config.json`, repository), "utf8");

const fewest = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 320,
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};
const parse = (given: object) => parseModelConfig(JSON.stringify({ ...fewest, ...given }));

function refusal(text: string): UserError {
  try {
    parseModelConfig(text);
  } catch (error) {
    if (error instanceof UserError) {
      return error;
    }
    throw error;
  }
  throw new Error("nothing was refused");
}

const refusalOf = (given: object) => refusal(JSON.stringify({ ...fewest, ...given }));

describe("a config", () => {
  test("of transformers 5 has rope_theta in rope_parameters and fewer key/value heads than heads", async () => {
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

  test("of transformers 4 has a top-level rope_theta and the head size hidden_size / heads", async () => {
    expect(parseModelConfig(await readConfig("tests/golden/mha-tied"))).toMatchObject({
      numAttentionHeads: 3,
      numKeyValueHeads: 3,
      headDim: 8,
      rmsNormEps: 1e-6,
      rope: { theta: 500_000, scaling: null },
      tieWordEmbeddings: true,
    });
  });

  test("of the demo model is read", async () => {
    expect(parseModelConfig(await readConfig("public/demo/model"))).toMatchObject({
      vocabSize: 1024,
      headDim: 32,
      maxPositionEmbeddings: 256,
      tieWordEmbeddings: true,
    });
  });

  test("with the fewest keys has transformers' defaults", () => {
    expect(parse({})).toMatchObject({
      numKeyValueHeads: 4,
      headDim: 16,
      rmsNormEps: 1e-6,
      rope: { theta: 10_000, scaling: null },
      maxPositionEmbeddings: 2048,
      tieWordEmbeddings: false,
    });
  });

  test("may write its defaults as null or as the default kind", () => {
    const plain = parse({});
    expect(parse({ head_dim: null, num_key_value_heads: null, rope_theta: null })).toEqual(plain);
    expect(parse({ rope_scaling: null, attention_bias: false, mlp_bias: null })).toEqual(plain);
    expect(parse({ rope_scaling: { type: "default" } })).toEqual(plain);
    expect(parse({ rope_parameters: { rope_type: "default", rope_theta: 1e4 } })).toEqual(plain);
    expect(parse({ hidden_act: "silu" })).toEqual(plain);
  });

  test("may name its architecture by model_type alone", () => {
    expect(parse({ architectures: undefined, model_type: "llama" })).toEqual(parse({}));
  });

  test("may have a head_dim other than hidden_size / heads", () => {
    expect(parse({ head_dim: 128 }).headDim).toBe(128);
    expect(parse({ hidden_size: 65, head_dim: 16 }).hiddenSize).toBe(65);
  });
});

const mistral = { architectures: ["MistralForCausalLM"], num_key_value_heads: 2 };
const gemma2 = { architectures: ["Gemma2ForCausalLM"] };
const gemma3 = { architectures: ["Gemma3ForCausalLM"] };
const smollm3 = { architectures: ["SmolLM3ForCausalLM"] };
const qwen2 = { architectures: ["Qwen2ForCausalLM"], num_key_value_heads: 2 };
const phi3 = { architectures: ["Phi3ForCausalLM"] };
const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
const longrope = { type: "longrope", short_factor: [1, 1, 1, 1, 1, 1, 1, 1], long_factor: [] };

describe("a config of another architecture", () => {
  test("of Gemma scales embeddings in the precision of the checkpoint", () => {
    const scale = (dtype: object) =>
      parse({ ...gemma3, hidden_size: 640, ...dtype }).embeddingScale;
    expect(scale({})).toBe(25.25);
    expect(scale({ torch_dtype: "bfloat16" })).toBe(25.25);
    expect(scale({ dtype: "float16" })).toBe(25.296875);
    expect(scale({ dtype: "float32" })).toBe(Math.fround(Math.sqrt(640)));
  });

  test("of Gemma 3 may have its two RoPEs in the form of transformers 4 or 5", () => {
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

  test("of Gemma 3 keeps sliding layers with their RoPE when the window exceeds the context", () => {
    const config = parse({ ...gemma3, sliding_window: 4096, max_position_embeddings: 2048 });
    expect(config.slidingWindow).toBe(4096);
    expect(config.layers.every(({ isSliding }) => isSliding)).toBe(true);
  });

  test("whose window is as long as its context has no sliding layer", () => {
    const windowed = (sliding_window: number) =>
      parse({ ...mistral, sliding_window, max_position_embeddings: 2048 });
    expect(windowed(2047).slidingWindow).toBe(2047);
    expect(windowed(2048)).toEqual(
      parse({ ...mistral, sliding_window: null, max_position_embeddings: 2048 }),
    );
  });

  test("with longrope limits texts to the original length", () => {
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

  test("may name its architecture by model_type alone", () => {
    expect(parse({ architectures: undefined, model_type: "gemma3_text" })).toEqual(parse(gemma3));
  });
});

describe("a model that the decoder does not implement", () => {
  test.each([
    [{ architectures: ["MixtralForCausalLM"] }, 'architecture "MixtralForCausalLM"'],
    [{ architectures: ["LlamaForSequenceClassification"] }, "LlamaForSequenceClassification"],
    [{ architectures: ["Gemma3ForConditionalGeneration"] }, "with its vision part"],
    [{ architectures: undefined, model_type: "gemma3" }, "with its vision part"],
    [{ architectures: undefined, model_type: "gpt2" }, 'architecture "gpt2"'],
    [{ architectures: [] }, 'architecture "none named"'],
    [{ architectures: ["toString"] }, 'architecture "toString"'],
    [{ architectures: [7] }, "architecture 7"],
    [{ rope_scaling: { type: "dynamic", factor: 2 } }, 'RoPE scaling "dynamic"'],
    [{ ...qwen2, rope_scaling: { type: "yarn", factor: 4 } }, 'RoPE scaling "yarn"'],
    [{ rope_parameters: { rope_type: "yarn", rope_theta: 1e4 } }, 'RoPE scaling "yarn"'],
    [{ rope_scaling: { type: 4 } }, "RoPE scaling 4"],
    [{ rope_scaling: { type: "default", mrope_section: [8] } }, "parameter mrope_section"],
    [{ ...phi3, rope_scaling: { ...longrope, short_mscale: 1.2 } }, "parameter short_mscale"],
    [{ rope_parameters: { full_attention: { rope_theta: 1 } } }, "parameter full_attention"],
    [{ ...phi3, partial_rotary_factor: 0.75 }, "partial_rotary_factor 0.75"],
    [{ rope_parameters: { partial_rotary_factor: 0.5 } }, "partial_rotary_factor 0.5"],
    [{ attention_bias: true }, "attention_bias"],
    [{ ...gemma2, attention_bias: true }, "attention_bias"],
    [{ mlp_bias: true }, "mlp_bias"],
    [{ ...gemma3, use_bidirectional_attention: true }, "use_bidirectional_attention"],
    [{ ...gemma3, attn_logit_softcapping: 50 }, "attn_logit_softcapping"],
    [{ final_logit_softcapping: 30 }, "final_logit_softcapping"],
    [{ hidden_act: "gelu" }, 'activation "gelu"'],
    [{ ...gemma2, hidden_activation: "relu" }, 'activation "relu"'],
    [{ ...qwen2, layer_types: ["full_attention", "linear_attention"] }, '"linear_attention"'],
    [{ ...smollm3, no_rope_layers: [1, 2] }, "no_rope_layers has 2"],
  ])("is refused by name: %j", (given, message) => {
    const error = refusalOf(given);
    expect(error).toMatchObject({ code: "unsupported-architecture", where: "config.json" });
    expect(error.message).toContain(message);
    expect(error.remedy).toContain("LlamaForCausalLM (Llama, SmolLM2, TinyLlama)");
    expect(error.remedy).toContain("Gemma3ForCausalLM");
  });
});

describe("parseModelSizes", () => {
  const sizes = (given: object) => parseModelSizes(JSON.stringify({ ...fewest, ...given }));

  test("gives the sizes of the whole config", () => {
    expect(sizes({ rope_theta: 5e5 })).toEqual(parse({ rope_theta: 5e5 }));
  });

  test.each([
    { rope_scaling: { rope_type: "dynamic", factor: 8 } },
    { rope_parameters: { rope_type: "yarn", rope_theta: 1e4 } },
    { hidden_act: "gelu" },
  ])("are read where the decoder would compute otherwise: %j", (given) => {
    expect(refusalOf(given).code).toBe("unsupported-architecture");
    expect(sizes(given)).toEqual(parse({}));
  });

  test.each([
    [{ architectures: ["MixtralForCausalLM"] }, 'architecture "MixtralForCausalLM"'],
    [{ attention_bias: true }, "attention_bias"],
    [{ mlp_bias: true }, "mlp_bias"],
    [{ num_key_value_heads: 3 }, "do not divide"],
    [{ head_dim: 15 }, "RoPE needs an even number"],
  ])("are refused where there would be other tensors: %j", (given, message) => {
    expect(() => sizes(given)).toThrow(message);
  });
});

describe("an invalid config", () => {
  const needed = [
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
  ];
  const optional = ["num_key_value_heads", "head_dim", "max_position_embeddings"];

  test.each([...needed, ...optional])("is refused when %s is not a plausible count", (key) => {
    for (const value of [0, -2, 1.5, 2 ** 31, 1e300, "64", true, [64]]) {
      const error = refusalOf({ [key]: value });
      expect(error).toMatchObject({ code: "bad-config", where: "config.json" });
      expect(error.message).toMatch(/must be a whole number from 1 to \d+/);
    }
  });

  test.each(needed)("is refused without %s", (key) => {
    for (const value of [undefined, null]) {
      const error = refusalOf({ [key]: value });
      expect(error.code).toBe("bad-config");
      expect(error.message).toContain(`Its ${key} is`);
    }
  });

  test.each(["rms_norm_eps", "rope_theta"])("is refused when %s is not above zero", (key) => {
    for (const value of [0, -1, "1e-5", false]) {
      expect(refusalOf({ [key]: value })).toMatchObject({ code: "bad-config" });
    }
    expect(refusal(JSON.stringify(fewest).replace("{", `{"${key}":1e999,`)).code).toBe(
      "bad-config",
    );
  });

  test.each([
    [{ num_key_value_heads: 3 }, "4 attention heads do not divide into 3 key/value heads"],
    [{ num_key_value_heads: 8 }, "4 attention heads do not divide into 8 key/value heads"],
    [{ head_dim: 15 }, "Its head_dim is 15, but RoPE needs an even number"],
    [{ num_attention_heads: 64, num_key_value_heads: 64 }, "Its head_dim is 1, but RoPE"],
    [{ num_attention_heads: 3 }, "Its head_dim is 21.33"],
  ])("is refused with the numbers: %j", (given, message) => {
    const error = refusalOf(given);
    expect(error.code).toBe("bad-config");
    expect(error.message).toContain(message);
  });

  test.each([
    [
      { model_type: "mistral" },
      'Its model_type is "mistral", but must be "llama" for LlamaForCausalLM',
    ],
    [
      { tie_word_embeddings: "false" },
      'Its tie_word_embeddings is "false", but must be true or false',
    ],
    [{ attention_bias: 1 }, "Its attention_bias is 1, but must be true or false"],
    [{ rope_scaling: "linear" }, 'Its rope_scaling is "linear", but must be an object or null'],
    [{ rope_parameters: [1] }, "Its rope_parameters is [1], but must be an object or null"],
    [{ rope_parameters: { rope_theta: "1e4" } }, 'Its rope_parameters.rope_theta is "1e4"'],
    [{ rope_scaling: { type: "linear" } }, "Its rope_scaling.factor is missing, but must be above"],
    [{ rope_scaling: { type: "linear", factor: 0 } }, "Its rope_scaling.factor is 0"],
    [{ rope_scaling: { rope_type: "llama3", factor: 8 } }, "Its rope_scaling.low_freq_factor is"],
    [{ rope_scaling: { ...llama3, factor: -8 } }, "Its rope_scaling.factor is -8"],
    [{ rope_scaling: { ...llama3, high_freq_factor: 1 } }, "must be above low_freq_factor, 1"],
    [
      { rope_scaling: { ...llama3, original_max_position_embeddings: 0.5 } },
      "Its rope_scaling.original_max_position_embeddings is 0.5",
    ],
    [{ ...phi3, rope_scaling: { type: "longrope" } }, "Its rope_scaling.short_factor is missing"],
    [
      { ...phi3, rope_scaling: { ...longrope, short_factor: [1, 2] } },
      "Its rope_scaling.short_factor is [1,2], but must be a list of 8 numbers above zero",
    ],
    [
      { ...phi3, rope_scaling: { ...longrope, short_factor: [1, 1, 1, 1, 1, 1, 1, 0] } },
      "must be a list of 8 numbers above zero",
    ],
    [
      { ...phi3, original_max_position_embeddings: "4k", rope_scaling: longrope },
      'Its original_max_position_embeddings is "4k"',
    ],
    [
      { ...mistral, sliding_window: 0 },
      "Its sliding_window is 0, but must be a whole number from 1",
    ],
    [{ ...mistral, sliding_window: "4096" }, 'Its sliding_window is "4096"'],
    [{ ...gemma2, sliding_window: null }, "Some of its layers slide, but it has no sliding_window"],
    [
      { ...qwen2, layer_types: ["full_attention", "sliding_attention"] },
      "Some of its layers slide, but it has no sliding_window",
    ],
    [{ ...qwen2, use_sliding_window: "no" }, 'Its use_sliding_window is "no"'],
    [{ ...qwen2, use_sliding_window: true, max_window_layers: -1 }, "Its max_window_layers is -1"],
    [{ ...gemma2, layer_types: ["full_attention"] }, "must be a list of 2 entries, one for each"],
    [{ ...gemma3, layer_types: "full" }, 'Its layer_types is "full"'],
    [{ ...gemma3, sliding_window_pattern: 0 }, "Its sliding_window_pattern is 0"],
    [
      { ...gemma3, rope_parameters: { rope_type: "default", rope_theta: 1e6 } },
      "Its rope_parameters has rope_type, but must have full_attention and sliding_attention",
    ],
    [{ ...gemma3, rope_local_base_freq: 0 }, "Its rope_local_base_freq is 0"],
    [{ ...gemma2, query_pre_attn_scalar: -256 }, "Its query_pre_attn_scalar is -256"],
    [{ ...gemma2, attn_logit_softcapping: 0 }, "Its attn_logit_softcapping is 0"],
    [{ ...gemma2, final_logit_softcapping: "30" }, 'Its final_logit_softcapping is "30"'],
    [{ ...smollm3, no_rope_layers: [1] }, "Its no_rope_layers is [1]"],
    [{ ...smollm3, no_rope_layer_interval: 0 }, "Its no_rope_layer_interval is 0"],
  ])("is refused by its key: %j", (given, message) => {
    const error = refusalOf(given);
    expect(error).toMatchObject({ code: "bad-config", where: "config.json" });
    expect(error.message).toContain(message);
  });

  test.each(["", "{", "[]", "null", "4", '"config"', "<!doctype html>"])(
    "is refused when it is %j",
    (text) => {
      expect(refusal(text)).toMatchObject({ code: "bad-config", where: "config.json" });
    },
  );
});

describe("the tokens that end a text", () => {
  test.each([
    ["of generation_config.json", { eos_token_id: 1 }, { eos_token_id: [0, 2] }, [0, 2]],
    ["of generation_config.json as a number", {}, { eos_token_id: 7 }, [7]],
    ["of config.json where the other names none", { eos_token_id: 1 }, {}, [1]],
    ["of config.json past a null", { eos_token_id: [1, 3] }, { eos_token_id: null }, [1, 3]],
    ["of config.json without the other file", { eos_token_id: 1 }, null, [1]],
    ["none, when none is named", {}, {}, []],
  ])("are those %s", (_, config, generation, expected) => {
    const text = generation === null ? null : JSON.stringify(generation);
    expect(parseStopTokens(JSON.stringify(config), text)).toEqual(expected);
  });

  test.each([["</s>"], [-1], [1.5], [[0, "x"]], [{}]])("are refused as %j", (eos) => {
    const text = JSON.stringify({ eos_token_id: eos });
    const refused = (where: string) =>
      expect.objectContaining({ code: "bad-config", where }) as Error;
    expect(() => parseStopTokens("{}", text)).toThrow(refused("generation_config.json"));
    expect(() => parseStopTokens(text, null)).toThrow(refused("config.json"));
  });

  test("are refused with the file name when the file is not JSON", () => {
    expect(() => parseStopTokens("{}", "{")).toThrow(
      expect.objectContaining({ code: "bad-config", where: "generation_config.json" }),
    );
  });
});
