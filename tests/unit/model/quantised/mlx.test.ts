// Weights that MLX quantised: to the bit what MLX computes, in every width, group and type of
// scales; and what is refused.
import { describe, expect, test } from "vitest";
import { blobSource } from "../../../../src/formats/byte-source.ts";
import type { TensorData } from "../../../../src/formats/safetensors-write.ts";
import { mlxTensor } from "../../../../src/model/quantised/mlx.ts";
import type { AffineScheme } from "../../../../src/model/quantised/scheme.ts";
import { openShards, type StoredTensor } from "../../../../src/model/folder/shards.ts";
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "../../../../src/util/bytes.ts";
import { floatsOf, never, openGolden, packedBytes, packedValues } from "./golden-cases.ts";
import { tensorFile } from "../tiny-model.ts";

/** Numbers of a type, and rounding to it. */
const types = {
  f16: {
    read: (data: ArrayBuffer) => f16ToF32(new Uint16Array(data)),
    round: (values: Float32Array) => f16ToF32(f32ToF16(values)),
  },
  bf16: {
    read: (data: ArrayBuffer) => bf16ToF32(new Uint16Array(data)),
    round: (values: Float32Array) => bf16ToF32(f32ToBf16(values)),
  },
  f32: {
    read: (data: ArrayBuffer) => new Float32Array(data),
    round: (values: Float32Array) => values,
  },
};

const cases = (["f16", "bf16", "f32"] as const).flatMap((scaleType) =>
  ([1, 2, 3, 4, 5, 6, 8] as const).flatMap((bits) =>
    ([32, 64, 128] as const).map((groupSize) => ({ scaleType, bits, groupSize })),
  ),
);

describe.each(cases)(
  "$bits bits in groups of $groupSize with scales of $scaleType",
  ({ scaleType, bits, groupSize }) => {
    const open = async () => {
      const golden = await openGolden(`mlx/${scaleType}.safetensors`);
      const part = (name: string) => golden.get(`q${bits}_g${groupSize}.${name}`)!;
      const numbers = async (name: string) => {
        const tensor = part(name);
        return types[scaleType].read((await tensor.read(0, tensor.sizeBytes, never)).buffer);
      };
      const tensor = mlxTensor(
        { weight: part("weight"), scales: part("scales"), biases: part("biases") },
        { bits, groupSize },
      );
      return { tensor, numbers, values: await floatsOf(part("values")) };
    };

    test("MLX weights are kept exactly: packed or as numbers, each is scale * code + bias", async () => {
      const { tensor, values } = await open();
      expect(tensor.kept).toEqual({
        ...{ format: bits <= 4 ? "q4" : "q8", rows: 3, cols: 256, groupSize },
        ...(scaleType !== "f16" && { scaleType }),
      });
      expect(tensor.isExact).toBe(true);
      expect(tensor.dtype).toBe(`affine ${bits}-bit / ${groupSize}`);
      expect(await packedValues(tensor)).toEqual(values);
      expect(await tensor.values(0, 3, never)).toEqual(values);
      expect(await tensor.values(1, 2, never)).toEqual(values.slice(256, 512));
      expect(new Set(values).size).toBeGreaterThan(Math.min(2 ** bits, 128));
    });

    test("MLX weights equal mx.dequantize after rounding product and sum to the scales' type", async () => {
      const { tensor, numbers } = await open();
      const { weight } = await packedBytes(tensor);
      const keptBits = bits <= 4 ? 4 : 8;
      const words = new Uint32Array(weight!);
      const codeAt = (at: number) =>
        (words[Math.floor((at * keptBits) / 32)]! >>> ((at * keptBits) % 32)) & (2 ** keptBits - 1);
      const [scales, biases] = [await numbers("scales"), await numbers("biases")];
      const { round } = types[scaleType];
      const at = Float32Array.from({ length: 3 * 256 }, (_, index) => index);
      const products = round(
        at.map((index) => scales[Math.floor(index / groupSize)]! * codeAt(index)),
      );
      const sums = round(
        products.map((product, i) => product + biases[Math.floor(i / groupSize)]!),
      );
      expect(sums).toEqual(await numbers("dequantized"));
    });
  },
);

describe("refused weights", () => {
  const tensor = (
    name: string,
    dtype: TensorData["dtype"],
    shape: number[],
    data: ArrayBufferView,
  ) => ({ name, dtype, shape, data }) as TensorData;
  const halves = (count: number, value = 1) => f32ToF16(new Float32Array(count).fill(value));
  /** 2 rows of 64 in 4 bits, groups of 32. */
  const parts = {
    weight: tensor("x.weight", "U32", [2, 8], new Uint32Array(16)),
    scales: tensor("x.scales", "F16", [2, 2], halves(4)),
    biases: tensor("x.biases", "F16", [2, 2], halves(4)),
  };
  const open = async (
    changes: Partial<Record<keyof typeof parts, TensorData | null>>,
    scheme: AffineScheme = { bits: 4, groupSize: 32 },
  ) => {
    const tensors = Object.values({ ...parts, ...changes }).filter((one) => one !== null);
    const file = blobSource(tensorFile(tensors), "m.safetensors");
    const set = { source: "files" as const, name: "m", files: new Map([["m.safetensors", file]]) };
    const stored = await openShards(set, () => true);
    const of = (name: string): StoredTensor | undefined => stored.get(name);
    return mlxTensor(
      { weight: of("x.weight")!, scales: of("x.scales"), biases: of("x.biases") },
      scheme,
    );
  };
  const where = 'm.safetensors, tensor "x.weight"';

  test("a complete MLX weight is accepted", async () => {
    expect((await open({})).shape).toEqual([2, 64]);
  });

  test.each([
    ["no scales", { scales: null }, "missing-tensor", /its scales are missing/],
    ["no biases, as mxfp4 has none", { biases: null }, "missing-tensor", /its biases are missing/],
    [
      "codes of another dtype",
      { weight: tensor("x.weight", "F32", [2, 8], new Float32Array(16)) },
      "wrong-dtype",
      /It is F32; codes must be U32/,
    ],
    [
      "scales and biases of two dtypes",
      { biases: tensor("x.biases", "BF16", [2, 2], halves(4)) },
      "wrong-dtype",
      /scales are F16 and its biases BF16/,
    ],
    [
      "scales of no float",
      {
        scales: tensor("x.scales", "U8", [2, 2], new Uint8Array(4)),
        biases: tensor("x.biases", "U8", [2, 2], new Uint8Array(4)),
      },
      "wrong-dtype",
      /both must be F16, BF16 or F32/,
    ],
    [
      "fewer scales than groups",
      {
        scales: tensor("x.scales", "F16", [2, 1], halves(2)),
        biases: tensor("x.biases", "F16", [2, 1], halves(2)),
      },
      "wrong-shape",
      /\[2, 8\], \[2, 1\], \[2, 1\], not 4 bits in groups of 32/,
    ],
    [
      "scales of other rows",
      {
        scales: tensor("x.scales", "F16", [1, 2], halves(2)),
        biases: tensor("x.biases", "F16", [1, 2], halves(2)),
      },
      "wrong-shape",
      /\[1, 2\]/,
    ],
    [
      "codes that are a vector",
      { weight: tensor("x.weight", "U32", [16], new Uint32Array(16)) },
      "wrong-shape",
      /\[16\]/,
    ],
  ] as const)(
    "an MLX weight is refused with file and tensor for %s",
    async (_, changes, code, message) => {
      await expect(open(changes)).rejects.toMatchObject({
        code,
        where,
        message: expect.stringMatching(message) as string,
      });
    },
  );

  test("an MLX weight is refused when config.json has another number of bits", async () => {
    await expect(open({}, { bits: 8, groupSize: 32 })).rejects.toMatchObject({
      code: "wrong-shape",
      where,
    });
  });

  test("an MLX weight with a scale that is not finite is refused when it is read", async () => {
    const scales = halves(4);
    scales[3] = 0x7e00;
    const broken = await open({ scales: tensor("x.scales", "F16", [2, 2], scales) });
    await expect(packedBytes(broken)).rejects.toMatchObject({
      code: "wrong-dtype",
      where: 'm.safetensors, tensor "x.scales"',
      message: expect.stringContaining("Row 1, group 1 is not a finite number") as string,
    });
  });
});
