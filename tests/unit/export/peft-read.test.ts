// Reading a PEFT adapter: what is accepted, and what is refused with all its faults.
import { describe, expect, test } from "vitest";
import { readPeftAdapter } from "../../../src/export/peft/read.ts";
import { encodeSafetensors, type TensorData } from "../../../src/formats/safetensors-write.ts";
import { f32ToBf16, f32ToF16 } from "../../../src/util/bytes.ts";
import { UserError } from "../../../src/util/errors.ts";
import { fixtureText } from "./fixture.ts";

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
  const text = typeof config === "string" ? config : JSON.stringify(config);
  return readPeftAdapter(text, new Blob([encodeSafetensors(tensors)]), "adapter.safetensors");
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
    const adapter = await read({ peft_type, r, target_modules });
    expect(adapter).toMatchObject({ rank: 2, alpha: 8, dropout: 0, targetModules: ["q_proj"] });
    expect(adapter.tensors.get(a.name)).toEqual({ shape: [2, 3], values: a.data });
  });

  test("F16 and BF16 tensors of a PEFT adapter are read as f32", async () => {
    const values = a.data as Float32Array;
    const f16 = await read(plain, [{ ...a, dtype: "F16", data: f32ToF16(values) }, b]);
    const bf16 = await read(plain, [{ ...a, dtype: "BF16", data: f32ToBf16(values) }, b]);
    expect(f16.tensors.get(a.name)?.values).toEqual(values);
    expect(bf16.tensors.get(a.name)?.values).toEqual(values);
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
    ["lora_dropout", 1],
    ["target_modules", "all-linear"],
    ["target_modules", ".*_proj"],
    ["target_modules", []],
    ["target_modules", null],
    ["target_modules", ["q_proj", "lm_head"]],
    ["target_modules", undefined],
    ["use_dora", true],
    ["use_rslora", true],
    ["use_qalora", true],
    ["bias", "all"],
    ["lora_bias", true],
    ["fan_in_fan_out", true],
    ["rank_pattern", { q_proj: 4 }],
    ["alpha_pattern", { q_proj: 4 }],
    ["modules_to_save", ["lm_head"]],
    ["layers_to_transform", [0]],
    ["layer_replication", [[0, 1]]],
    ["exclude_modules", ["k_proj"]],
    ["target_parameters", ["experts"]],
    ["trainable_token_indices", [1]],
    ["alora_invocation_tokens", [1, 2]],
    ["eva_config", { rho: 2 }],
    ["init_lora_weights", "pissa_niter_4"],
    ["init_lora_weights", "olora"],
    ["future_scale", 2],
    ["__proto__x", true],
  ])("a PEFT config with %s = %j is refused by name", async (key, value) => {
    expect(await messageOf({ ...plain, [key]: value })).toContain(key);
  });

  test("a PEFT config with several faults is refused with all of them by name", async () => {
    const message = await messageOf({ r: 0, use_dora: true, bias: "all", target_modules: "x" });
    for (const key of ["peft_type", "r must", "use_dora", "bias", "target_modules"]) {
      expect(message).toContain(key);
    }
  });

  test.each(["{", "[]", "null", '"LORA"', ""])("the PEFT config %s is refused", async (text) => {
    expect(await messageOf(text)).toContain("adapter_config.json");
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
    expect(message).toContain(stray.name);
    expect(message).toContain(dora.name);
  });

  test("a PEFT matrix without its pair, a target module without tensors and a NaN are refused", async () => {
    expect(await messageOf(plain, [a])).toContain("q_proj has no lora_B");
    expect(await messageOf(plain, [b])).toContain("q_proj has no lora_A");
    const more = { ...plain, target_modules: ["q_proj", "v_proj"] };
    expect(await messageOf(more)).toContain("no tensor of the target module v_proj");
    const nan = { ...b, data: new Float32Array(8).fill(NaN) };
    expect(await messageOf(plain, [a, nan])).toContain("holds NaN at value 0");
  });

  test("a PEFT adapter with many faults is refused with twelve by name and the rest counted", async () => {
    const strays = Array.from({ length: 30 }, (_, i) => ({ ...a, name: `stray ${i}` }));
    expect(await messageOf(plain, [a, b, ...strays])).toMatch(/; and 18 more\.$/);
  });

  test("PEFT weights that are not safetensors are refused", async () => {
    const text = JSON.stringify(plain);
    await expect(readPeftAdapter(text, new Blob(["<html>"]), "adapter")).rejects.toMatchObject({
      code: "not-safetensors",
    });
  });
});
