// Weights that bitsandbytes quantised to 4 bits: to the bit what it computes on a CPU in f32; and
// what is refused.
import { describe, expect, test } from "vitest";
import { blobSource } from "../../../../src/formats/byte-source.ts";
import type { TensorData } from "../../../../src/formats/safetensors-write.ts";
import { bitsandbytesTensor, partsOf } from "../../../../src/model/quantised/bitsandbytes.ts";
import { openShards } from "../../../../src/model/folder/shards.ts";
import { floatsOf, never, openGolden, packedValues } from "./golden-cases.ts";
import { tensorFile } from "../tiny-model.ts";

const open = async (name: string, shape: readonly number[]) => {
  const golden = await openGolden("bnb/cases.safetensors");
  return {
    tensor: bitsandbytesTensor(`${name}.weight`, partsOf(`${name}.weight`, golden), shape),
    values: await floatsOf(golden.get(`${name}.dequantized`)!),
  };
};

describe("double-quantised blocks of 64", () => {
  test.each([
    ["nf4_double", [40, 512], "nf4"],
    ["nf4_double_bf16", [8, 192], "nf4"],
    ["fp4_double", [12, 128], "fp4"],
  ] as const)(
    "double-quantised blocks of 64 are kept exactly: %s %j",
    async (name, shape, dtype) => {
      const { tensor, values } = await open(name, shape);
      expect(tensor).toMatchObject({
        ...{ shape, dtype, isExact: true },
        kept: { format: "nf4", rows: shape[0], cols: shape[1] },
      });
      expect(await packedValues(tensor)).toEqual(values);
      expect(await tensor.values(0, shape[0], never)).toEqual(values);
      expect(new Set(values).size).toBeGreaterThan(100);
    },
  );
});

describe("other blocks", () => {
  test.each([
    ["nf4_single", [6, 128], "nf4 / 64"],
    ["fp4_single", [6, 64], "fp4 / 64"],
    ["nf4_blocks_of_128", [6, 256], "nf4 / 128"],
    ["nf4_broken_rows", [5, 100], "nf4"],
  ] as const)(
    "other blocks are read as numbers and kept as f16: %s %j",
    async (name, shape, dtype) => {
      const [rows, cols] = shape;
      const { tensor, values } = await open(name, shape);
      expect(tensor).toMatchObject({ dtype, isExact: false, kept: { format: "f16", rows, cols } });
      expect(tensor).not.toHaveProperty("packed");
      expect(await tensor.values(0, rows, never)).toEqual(values);
      // A row may begin in the middle of a block and of a byte's neighbours.
      expect(await tensor.values(2, 5, never)).toEqual(values.slice(2 * cols, 5 * cols));
    },
  );
});

describe("refused weights", () => {
  const state = (changes: object = {}) =>
    new TextEncoder().encode(
      JSON.stringify({
        ...{ quant_type: "nf4", blocksize: 64, dtype: "bfloat16", shape: [2, 128] },
        ...{ nested_blocksize: 256, nested_dtype: "float32", nested_offset: 0.5, ...changes },
      }),
    );
  type Part = Omit<TensorData, "name">;
  const whole: Record<string, Part> = {
    weight: { dtype: "U8", shape: [128, 1], data: new Uint8Array(128) },
    "weight.absmax": { dtype: "U8", shape: [4], data: new Uint8Array(4) },
    "weight.quant_map": { dtype: "F32", shape: [16], data: new Float32Array(16) },
    "weight.nested_absmax": { dtype: "F32", shape: [1], data: new Float32Array(1) },
    "weight.nested_quant_map": { dtype: "F32", shape: [256], data: new Float32Array(256) },
  };
  const stateName = "weight.quant_state.bitsandbytes__nf4";

  const openWith = async (changes: Record<string, Part | null>, json: Uint8Array = state()) => {
    const told = { dtype: "U8" as const, shape: [json.length], data: json };
    const parts: Record<string, Part | null> = { ...whole, [stateName]: told, ...changes };
    const tensors = Object.entries(parts).flatMap(([name, tensor]) =>
      tensor === null ? [] : [{ ...tensor, name: `x.${name}` }],
    );
    const file = blobSource(tensorFile(tensors), "m.safetensors");
    const set = { source: "files" as const, name: "m", files: new Map([["m.safetensors", file]]) };
    const stored = await openShards(set, () => true);
    return bitsandbytesTensor("x.weight", partsOf("x.weight", stored), [2, 128]);
  };
  const where = (name: string) => `m.safetensors, tensor "x.${name}"`;
  const saying = (message: RegExp) => expect.stringMatching(message) as string;

  test("a weight with codes 0 of a map of zeros is accepted", async () => {
    expect(await packedValues(await openWith({}))).toEqual(new Float32Array(256));
  });

  test.each([
    ["weight.quant_map", "weight", /x\.weight\.quant_map is missing/],
    ["weight.nested_absmax", "weight", /nested_absmax is missing/],
    ["weight.nested_quant_map", "weight", /nested_quant_map is missing/],
    [stateName, "weight", /quant_state\.bitsandbytes__nf4 is missing/],
  ] as const)(
    "a weight without %s is refused with file and tensor",
    async (name, place, message) => {
      await expect(openWith({ [name]: null })).rejects.toMatchObject({
        code: "missing-tensor",
        where: where(place),
        message: saying(message),
      });
    },
  );

  test.each([
    [
      "weight",
      { dtype: "U8", shape: [127, 1], data: new Uint8Array(127) },
      "wrong-shape",
      /127 bytes; \[2, 128\] in 4 bits needs 128/,
    ],
    [
      "weight",
      { dtype: "I32", shape: [32], data: new Int32Array(32) },
      "wrong-shape",
      /It is I32 of 128 bytes/,
    ],
    [
      "weight.absmax",
      { dtype: "F16", shape: [4], data: new Uint16Array(4) },
      "wrong-dtype",
      /It is F16; absolute maxima must be U8 or F32/,
    ],
    [
      "weight.absmax",
      { dtype: "U8", shape: [3], data: new Uint8Array(3) },
      "wrong-shape",
      /3 maxima match no block size for \[2, 128\]/,
    ],
    [
      "weight.quant_map",
      { dtype: "F32", shape: [15], data: new Float32Array(15) },
      "wrong-shape",
      /It is F32 \[15\], but must be F32 \[16\]/,
    ],
    [
      "weight.nested_absmax",
      { dtype: "F32", shape: [2], data: new Float32Array(2) },
      "wrong-shape",
      /must be F32 \[1\]/,
    ],
  ] as const)(
    "a weight is refused when its %s is of another kind: %j",
    async (name, tensor, code, message) => {
      await expect(
        openWith({ [name]: { ...tensor, shape: [...tensor.shape] } }),
      ).rejects.toMatchObject({ code, where: where(name), message: saying(message) });
    },
  );

  test.each([
    ["no JSON", new TextEncoder().encode("{"), /It is not JSON/],
    ["a list", new TextEncoder().encode("[]"), /not a JSON object/],
    ["bytes that are no UTF-8", Uint8Array.of(0xff, 0xfe), /It is not JSON/],
    ["another type", state({ quant_type: "fp4" }), /quant_type is "fp4", but .* "nf4"/],
    ["other blocks", state({ blocksize: 128 }), /blocksize is 128, but the tensors say 64/],
    ["another shape", state({ shape: [128, 2] }), /shape is \[128,2\], but .* \[2,128\]/],
    ["other blocks of maxima", state({ nested_blocksize: 64 }), /nested_blocksize is 64/],
    ["an offset that is no number", state({ nested_offset: "0" }), /nested_offset is "0"/],
    ["an offset beyond f32", state({ nested_offset: 1e300 }), /nested_offset is 1e\+300/],
  ])("a weight is refused when it is read with a state that is %s", async (_, json, message) => {
    const tensor = await openWith({}, json);
    await expect(tensor.values(0, 1, never)).rejects.toMatchObject({
      code: "bad-header",
      where: where(stateName),
      message: saying(message),
    });
  });

  test("a weight is refused when it is read with a table that is not finite", async () => {
    const data = new Float32Array(16).fill(NaN, 5, 6);
    const tensor = await openWith({ "weight.quant_map": { dtype: "F32", shape: [16], data } });
    await expect(packedValues(tensor)).rejects.toMatchObject({
      code: "wrong-dtype",
      where: where("weight.quant_map"),
      message: saying(/Number 5 is not a finite number/),
    });
  });
});
