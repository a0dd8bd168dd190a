// Reading a PEFT adapter: what is accepted, and what is refused with all its faults.
import { describe, expect, test } from "vitest";
import { readPeftAdapter } from "../../../src/export/peft/read.ts";
import { encodeSafetensors, type TensorData } from "../../../src/formats/safetensors-write.ts";
import { f32ToBf16, f32ToF16 } from "../../../src/util/bytes.ts";
import { UserError } from "../../../src/util/errors.ts";
import { fixtureText, matricesOf } from "./fixture.ts";

const module = "base_model.model.model.layers.0.self_attn.q_proj";
const a: TensorData = {
  name: `${module}.lora_A.weight`,
  dtype: "F32",
  shape: [2, 3],
  data: new Float32Array([1, 2, 3, 4, 5, 6]),
};
const b: TensorData = {
  name: `${module}.lora_B.weight`,
  dtype: "F32",
  shape: [4, 2],
  data: new Float32Array(8).fill(0.5),
};
const plain = { peft_type: "LORA", r: 2, lora_alpha: 4, target_modules: ["q_proj"] };

function read(config: unknown, tensors: TensorData[] = [a, b]) {
  return readPeftAdapter(config, new Blob([encodeSafetensors(tensors)]), "adapter.safetensors");
}

async function messageOf(config: unknown, tensors?: TensorData[]): Promise<string> {
  const error: unknown = await read(config, tensors).then(
    () => new Error("nothing was thrown"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof UserError)) {
    throw error;
  }
  expect(error.code).toBe("bad-adapter");
  return error.message;
}

describe("accepted PEFT adapters", () => {
  test("a PEFT config of the required keys alone is accepted, with PEFT's defaults for the rest", async () => {
    const { peft_type, r, target_modules } = plain;
    const { pairs } = await read({ peft_type, r, target_modules });
    expect([...pairs.keys()]).toEqual(["model.layers.0.self_attn.q_proj"]);
    const pair = { a: { shape: [2, 3], values: a.data }, b: { shape: [4, 2] }, alpha: 8 };
    expect(pairs.get("model.layers.0.self_attn.q_proj")).toMatchObject(pair);
  });

  test("F16 and BF16 tensors of a PEFT adapter are read as f32", async () => {
    const values = a.data as Float32Array;
    const f16 = await read(plain, [{ ...a, dtype: "F16", data: f32ToF16(values) }, b]);
    const bf16 = await read(plain, [{ ...a, dtype: "BF16", data: f32ToBf16(values) }, b]);
    expect(matricesOf(f16).get(a.name)?.values).toEqual(values);
    expect(matricesOf(bf16).get(a.name)?.values).toEqual(values);
  });

  test("unknown PEFT keys that are off, and known keys that change no number, are accepted", async () => {
    const config = JSON.parse(await fixtureText("adapter_config.json")) as object;
    await read({
      ...config,
      target_modules: ["q_proj"],
      future_config: null,
      use_future: false,
      future_pattern: {},
      future_list: [],
      runtime_config: { ephemeral_gpu_offload: false },
      peft_version: "9.9.9",
      init_lora_weights: "gaussian",
    });
  });
});

describe("refused PEFT adapters", () => {
  test.each([
    ["peft_type", "IA3"],
    ["peft_type", undefined],
    ["task_type", "SEQ_CLS"],
    ["r", 0],
    ["r", "2"],
    ["r", 2.5],
    ["r", undefined],
    ["lora_alpha", 0],
    ["lora_alpha", null],
    ["target_modules", []],
    ["target_modules", null],
    ["target_modules", undefined],
    ["use_dora", true],
    ["use_qalora", true],
    ["bias", "all"],
    ["lora_bias", true],
    ["rank_pattern", { "(.+)+": 4 }],
    ["rank_pattern", { q_proj: "4" }],
    ["alpha_pattern", { "[": 4 }],
    ["alpha_pattern", [4]],
    ["target_modules", ["q_proj", 1]],
    ["target_modules", ""],
    ["use_rslora", "yes"],
    ["modules_to_save", ["lm_head"]],
    ["layer_replication", [[0, 1]]],
    ["target_parameters", ["experts"]],
    ["trainable_token_indices", [1]],
    ["alora_invocation_tokens", [1, 2]],
    ["init_lora_weights", "pissa_niter_4"],
    ["init_lora_weights", "olora"],
    ["future_scale", 2],
    ["__proto__x", true],
  ])("a PEFT config with %s = %j is refused by name", async (key, value) => {
    expect(await messageOf({ ...plain, [key]: value })).toContain(key);
  });

  test("a PEFT config with several faults is refused with all of them by name", async () => {
    const message = await messageOf({ r: 0, use_dora: true, bias: "all", target_modules: 7 });
    for (const key of ["peft_type", "r must", "use_dora", "bias", "target_modules"]) {
      expect(message).toContain(key);
    }
  });

  test.each([[[]], [null], ["LORA"]])("the PEFT config %j is refused", async (config) => {
    expect(await messageOf(config)).toContain("adapter_config.json: it is not a JSON object");
  });

  test("PEFT tensors that do not fit the config are refused by name", async () => {
    const stray: TensorData = { ...a, name: "base_model.model.lm_head.weight" };
    const dora: TensorData = { ...a, name: `${module}.lora_magnitude_vector` };
    const message = await messageOf(plain, [
      { ...a, shape: [3, 2] },
      { ...b, dtype: "I32" },
      stray,
      dora,
    ]);
    expect(message).toContain(`${a.name} is [3, 2], where r = 2 needs [2, in]`);
    expect(message).toContain(`${b.name} is I32`);
    expect(message).toContain(`${stray.name} is a whole module, which Anneal does not train`);
    expect(message).toContain(`${dora.name} is a magnitude of DoRA, which Anneal does not train`);
  });

  test("a PEFT matrix without its pair, a matrix twice, no matrix and a NaN are refused", async () => {
    expect(await messageOf(plain, [a])).toContain("q_proj has no lora_B");
    expect(await messageOf(plain, [b])).toContain("q_proj has no lora_A");
    expect(await messageOf(plain, [])).toContain("it has no LoRA matrix");
    const again = { ...a, name: a.name.replace(".weight", ".other.weight") };
    expect(await messageOf(plain, [a, b, again])).toContain("are the same matrix");
    const nan = { ...b, data: new Float32Array(8).fill(NaN) };
    expect(await messageOf(plain, [a, nan])).toContain("holds NaN at value 0");
  });

  test("a PEFT adapter with many faults is refused with twelve by name and the rest counted", async () => {
    const strays = Array.from({ length: 30 }, (_, i) => ({ ...a, name: `stray ${i}` }));
    expect(await messageOf(plain, [a, b, ...strays])).toMatch(/; and 18 more\.$/);
  });

  test("PEFT weights that are not safetensors are refused", async () => {
    await expect(readPeftAdapter(plain, new Blob(["<html>"]), "adapter")).rejects.toMatchObject({
      code: "not-safetensors",
    });
  });
});
