// Configs that are refused: variants that the decoder does not implement, and invalid values.
import { describe, expect, test } from "vitest";
import {
  fewest,
  gemma2,
  gemma3,
  llama3,
  longrope,
  mistral,
  phi3,
  qwen2,
  refusal,
  refusalOf,
  smollm3,
} from "./given-config.ts";

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
    [{ ...qwen2, rope_scaling: { type: "ntk", factor: 4 } }, 'RoPE scaling "ntk"'],
    [{ rope_parameters: { rope_type: "proportional", rope_theta: 1e4 } }, '"proportional"'],
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
  ])("a model that the decoder does not implement is refused by name: %j", (given, message) => {
    const error = refusalOf(given);
    expect(error).toMatchObject({ code: "unsupported-architecture", where: "config.json" });
    expect(error.message).toContain(message);
    expect(error.remedy).toContain("LlamaForCausalLM (Llama, SmolLM2, TinyLlama)");
    expect(error.remedy).toContain("Gemma3ForCausalLM");
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

  test.each([...needed, ...optional])(
    "an invalid config is refused when %s is not a plausible count",
    (key) => {
      for (const value of [0, -2, 1.5, 2 ** 31, 1e300, "64", true, [64]]) {
        const error = refusalOf({ [key]: value });
        expect(error).toMatchObject({ code: "bad-config", where: "config.json" });
        expect(error.message).toMatch(/must be a whole number from 1 to \d+/);
      }
    },
  );

  test.each(needed)("a config without %s is refused", (key) => {
    for (const value of [undefined, null]) {
      const error = refusalOf({ [key]: value });
      expect(error.code).toBe("bad-config");
      expect(error.message).toContain(`Its ${key} is`);
    }
  });

  test.each(["rms_norm_eps", "rope_theta"])(
    "an invalid config is refused when %s is not above zero",
    (key) => {
      for (const value of [0, -1, "1e-5", false]) {
        expect(refusalOf({ [key]: value })).toMatchObject({ code: "bad-config" });
      }
      expect(refusal(JSON.stringify(fewest).replace("{", `{"${key}":1e999,`)).code).toBe(
        "bad-config",
      );
    },
  );

  test.each([
    [{ num_key_value_heads: 3 }, "4 attention heads do not divide into 3 key/value heads"],
    [{ num_key_value_heads: 8 }, "4 attention heads do not divide into 8 key/value heads"],
    [{ head_dim: 15 }, "Its head_dim is 15, but RoPE needs an even number"],
    [{ num_attention_heads: 64, num_key_value_heads: 64 }, "Its head_dim is 1, but RoPE"],
    [{ num_attention_heads: 3 }, "Its head_dim is 21.33"],
  ])("a config of contradicting sizes is refused with the numbers: %j", (given, message) => {
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
  ])("an invalid config is refused by its key: %j", (given, message) => {
    const error = refusalOf(given);
    expect(error).toMatchObject({ code: "bad-config", where: "config.json" });
    expect(error.message).toContain(message);
  });

  test.each(["", "{", "[]", "null", "4", '"config"', "<!doctype html>"])(
    "an invalid config is refused when it is %j",
    (text) => {
      expect(refusal(text)).toMatchObject({ code: "bad-config", where: "config.json" });
    },
  );
});
