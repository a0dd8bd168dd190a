// How a config.json says that weights are quantised, by MLX and by transformers, and what is
// refused.
import { describe, expect, test } from "vitest";
import { ConfigFields } from "../../../../src/model/config/fields.ts";
import { parseQuantisation, schemeOf } from "../../../../src/model/quantised/scheme.ts";

const parse = (config: object) =>
  parseQuantisation(ConfigFields.parse(JSON.stringify(config), "config.json"));

const mlx = (quantization: object) => {
  const parsed = parse({ quantization });
  expect(parsed.kind).toBe("mlx");
  return parsed as Extract<typeof parsed, { kind: "mlx" }>;
};

test("a config without quantisation, or with null, is not quantised", () => {
  expect(parse({})).toEqual({ kind: "none" });
  expect(parse({ quantization: null, quantization_config: null })).toEqual({ kind: "none" });
});

describe("the scheme of MLX", () => {
  test("the scheme of MLX has bits and group size for all modules, under both keys", () => {
    const scheme = { group_size: 64, bits: 4 };
    const parsed = parse({ quantization: scheme, quantization_config: scheme });
    expect(parsed).toMatchObject({ kind: "mlx", affine: { bits: 4, groupSize: 64 } });
    expect(parse({ quantization_config: scheme })).toEqual(parsed);
  });

  test("the scheme of MLX may differ for single modules, in part or in whole", () => {
    const parsed = mlx({
      ...{ group_size: 64, bits: 4, mode: "affine" },
      "model.embed_tokens": { group_size: 32, bits: 6 },
      "model.layers.0.mlp.down_proj": { bits: 8 },
      lm_head: false,
      "model.layers.1.mlp.down_proj": true,
    });
    expect(schemeOf(parsed, "model.embed_tokens")).toEqual({ bits: 6, groupSize: 32 });
    expect(schemeOf(parsed, "model.layers.0.mlp.down_proj")).toEqual({ bits: 8, groupSize: 64 });
    expect(schemeOf(parsed, "lm_head")).toBe(false);
    expect(schemeOf(parsed, "model.layers.1.mlp.down_proj")).toEqual({ bits: 4, groupSize: 64 });
    expect(schemeOf(parsed, "__proto__")).toEqual({ bits: 4, groupSize: 64 });
  });
});

test("quantization_config of transformers names bitsandbytes 4-bit", () => {
  const parsed = parse({
    quantization_config: {
      ...{ quant_method: "bitsandbytes", load_in_4bit: true, load_in_8bit: false },
      ...{ bnb_4bit_quant_type: "nf4", bnb_4bit_use_double_quant: true },
      llm_int8_skip_modules: ["lm_head"],
    },
  });
  expect(parsed).toEqual({ kind: "bitsandbytes" });
});

describe("refused schemes", () => {
  test.each([
    [{ quantization: 4 }, "bad-config", /quantization is 4, but must be an object/],
    [{ quantization: [] }, "bad-config", /quantization is \[\]/],
    [
      { quantization: {} },
      "bad-config",
      /quantization\.bits is missing, but must be one of 1, 2, 3, 4/,
    ],
    [{ quantization: { bits: 7, group_size: 64 } }, "bad-config", /bits is 7/],
    [{ quantization: { bits: "4", group_size: 64 } }, "bad-config", /bits is "4"/],
    [{ quantization: { bits: 4, group_size: 16 } }, "bad-config", /group_size is 16/],
    [
      { quantization: { bits: 4, group_size: 64, lm_head: { bits: 7 } } },
      "bad-config",
      /quantization\["lm_head"\]\.bits is 7/,
    ],
    [
      { quantization: { bits: 4, group_size: 64, lm_head: [8] } },
      "bad-config",
      /quantization\["lm_head"\] is \[8\]/,
    ],
    [
      { quantization: { bits: 4, group_size: 32, mode: "mxfp4" } },
      "wrong-dtype",
      /quantised by MLX in the mode "mxfp4"/,
    ],
    [
      { quantization: { bits: 4, group_size: 64, lm_head: { mode: "nvfp4" } } },
      "wrong-dtype",
      /mode "nvfp4"/,
    ],
    [{ quantization_config: "nf4" }, "bad-config", /quantization_config is "nf4"/],
    [{ quantization_config: {} }, "wrong-dtype", /quantised by "an unnamed method"/],
    [{ quantization_config: { quant_method: "gptq", bits: 4 } }, "wrong-dtype", /by "gptq"/],
    [{ quantization_config: { quant_method: "awq" } }, "wrong-dtype", /by "awq"/],
    [{ quantization_config: { quant_method: "fp8" } }, "wrong-dtype", /by "fp8"/],
    [
      { quantization_config: { quant_method: "bitsandbytes", load_in_8bit: true } },
      "wrong-dtype",
      /to 8 bits by bitsandbytes/,
    ],
  ])("a scheme is refused with the key: %j", (config, code, message) => {
    let refused: unknown = null;
    try {
      parse(config);
    } catch (error) {
      refused = error;
    }
    expect(refused).toMatchObject({
      code,
      where: "config.json",
      message: expect.stringMatching(message) as string,
    });
  });
});
