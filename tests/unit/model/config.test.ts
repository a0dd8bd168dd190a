// config.json of both generations to the decoder's fields, and every variant that would train a wrong model refused.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parseModelConfig, parseModelSizes, parseStopTokens } from "../../../src/model/config.ts";
import { UserError } from "../../../src/util/errors.ts";

const repository = new URL("../../../", import.meta.url);
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
  test("of transformers 5 has its theta in rope_parameters, and fewer key heads than heads", async () => {
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
      ropeTheta: 10_000,
      maxPositionEmbeddings: 64,
      tieWordEmbeddings: false,
    });
  });

  test("of transformers 4 has its theta beside the rest, and its head size from the width", async () => {
    expect(parseModelConfig(await readConfig("tests/golden/mha-tied"))).toMatchObject({
      numAttentionHeads: 3,
      numKeyValueHeads: 3,
      headDim: 8,
      rmsNormEps: 1e-6,
      ropeTheta: 500_000,
      tieWordEmbeddings: true,
    });
  });

  test("of the demo is read", async () => {
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
      ropeTheta: 10_000,
      maxPositionEmbeddings: 2048,
      tieWordEmbeddings: false,
    });
  });

  test("may spell its defaults out as null or as the default kind", () => {
    const plain = parse({});
    expect(parse({ head_dim: null, num_key_value_heads: null, rope_theta: null })).toEqual(plain);
    expect(parse({ rope_scaling: null, attention_bias: false, mlp_bias: null })).toEqual(plain);
    expect(parse({ rope_scaling: { type: "default" } })).toEqual(plain);
    expect(parse({ rope_parameters: { rope_type: "default", rope_theta: 1e4 } })).toEqual(plain);
    expect(parse({ hidden_act: "silu" })).toEqual(plain);
  });

  test("may name its architecture by the model's type alone", () => {
    expect(parse({ architectures: undefined, model_type: "llama" })).toEqual(parse({}));
  });

  test("may have heads of another size than the width says", () => {
    expect(parse({ head_dim: 128 }).headDim).toBe(128);
    expect(parse({ hidden_size: 65, head_dim: 16 }).hiddenSize).toBe(65);
  });
});

describe("a model that the decoder is not", () => {
  test.each([
    [{ architectures: ["MistralForCausalLM"] }, 'architecture "MistralForCausalLM"'],
    [{ architectures: ["LlamaForSequenceClassification"] }, "LlamaForSequenceClassification"],
    [{ architectures: undefined, model_type: "gpt2" }, 'architecture "gpt2"'],
    [{ architectures: [] }, 'architecture "none named"'],
    [{ architectures: ["toString"] }, 'architecture "toString"'],
    [{ rope_scaling: { type: "linear", factor: 2 } }, 'RoPE scaling "linear"'],
    [{ rope_scaling: { rope_type: "llama3", factor: 8 } }, 'RoPE scaling "llama3"'],
    [{ rope_parameters: { rope_type: "yarn", rope_theta: 1e4 } }, 'RoPE scaling "yarn"'],
    [
      { rope_scaling: { type: "default" }, rope_parameters: { rope_type: "yarn" } },
      'RoPE scaling "yarn"',
    ],
    [{ rope_scaling: { type: 4 } }, 'RoPE scaling "4"'],
    [{ attention_bias: true }, "attention_bias"],
    [{ mlp_bias: true }, "mlp_bias"],
    [{ hidden_act: "gelu" }, 'activation "gelu"'],
  ])("is refused by name: %j", (given, message) => {
    const error = refusalOf(given);
    expect(error).toMatchObject({ code: "unsupported-architecture", where: "config.json" });
    expect(error.message).toContain(message);
    expect(error.remedy).toContain("LlamaForCausalLM");
  });
});

describe("the sizes alone", () => {
  const sizes = (given: object) => parseModelSizes(JSON.stringify({ ...fewest, ...given }));

  test("are those of the whole config", () => {
    expect(sizes({ rope_theta: 5e5 })).toEqual(parse({ rope_theta: 5e5 }));
  });

  test.each([
    { rope_scaling: { rope_type: "llama3", factor: 8 } },
    { rope_parameters: { rope_type: "yarn", rope_theta: 1e4 } },
    { hidden_act: "gelu" },
  ])("are read where the decoder would compute otherwise: %j", (given) => {
    expect(refusalOf(given).code).toBe("unsupported-architecture");
    expect(sizes(given)).toEqual(parse({}));
  });

  test.each([
    [{ architectures: ["MistralForCausalLM"] }, 'architecture "MistralForCausalLM"'],
    [{ attention_bias: true }, "attention_bias"],
    [{ mlp_bias: true }, "mlp_bias"],
    [{ num_key_value_heads: 3 }, "do not divide"],
    [{ head_dim: 15 }, "RoPE needs an even number"],
  ])("are refused where there would be other tensors: %j", (given, message) => {
    expect(() => sizes(given)).toThrow(message);
  });
});

describe("a config that cannot be true", () => {
  const needed = [
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
  ];
  const optional = ["num_key_value_heads", "head_dim", "max_position_embeddings"];

  test.each([...needed, ...optional])("is refused when %s is no count of this world", (key) => {
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

  test("are refused in a file that is no JSON, by its name", () => {
    expect(() => parseStopTokens("{}", "{")).toThrow(
      expect.objectContaining({ code: "bad-config", where: "generation_config.json" }),
    );
  });
});
