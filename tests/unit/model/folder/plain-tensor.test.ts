// Tensors of plain numbers: kept as they are where the device's format allows it, and refused where
// it cannot hold them.
import { describe, expect, test } from "vitest";
import { blobSource } from "../../../../src/formats/byte-source.ts";
import type { TensorData } from "../../../../src/formats/safetensors-write.ts";
import { plainTensor } from "../../../../src/model/folder/plain-tensor.ts";
import { openShards } from "../../../../src/model/folder/shards.ts";
import type { SourceTensor } from "../../../../src/model/source-tensor.ts";
import { ConversionReport } from "../../../../src/model/weights/convert.ts";
import { readValues, sourceStore } from "../../../../src/model/weights/store.ts";
import { bf16ToF32, f16ToF32 } from "../../../../src/util/bytes.ts";
import { packedBytes } from "../quantised/golden-cases.ts";
import { tensorFile } from "../tiny-model.ts";

const never = new AbortController().signal;

async function open(
  dtype: TensorData["dtype"],
  shape: number[],
  data: ArrayBufferView,
): Promise<SourceTensor> {
  const file = blobSource(tensorFile([{ name: "w", dtype, shape, data }]), "m.safetensors");
  const set = { source: "files" as const, name: "m", files: new Map([["m.safetensors", file]]) };
  return plainTensor((await openShards(set, () => true)).get("w")!);
}

/** As it is kept, and what was lost on the way there. */
async function kept(tensor: SourceTensor) {
  const report = new ConversionReport();
  const store = sourceStore(new Map([["w", tensor]]), new Map([["w", tensor.kept]]), report);
  return { values: await readValues(store, "w", never), lost: report.overall };
}

/** Every finite pattern of a half, in rows of 1024. */
const patterns = (largest: number) => {
  const positive = Uint16Array.from({ length: largest - (largest % 1024) }, (_, i) => i);
  return Uint16Array.from([...positive, ...positive.map((bits) => bits | 0x8000)]);
};

test("every finite F16 number is kept bit for bit", async () => {
  const bits = patterns(0x7c00);
  const rows = bits.length / 1024;
  const tensor = await open("F16", [rows, 1024], bits);
  expect(tensor).toMatchObject({ dtype: "F16", isExact: true, kept: { format: "f16", rows } });
  const { weight } = await packedBytes(tensor);
  expect(new Uint16Array(weight!)).toEqual(bits);
  expect(await tensor.values(1, 2, never)).toEqual(f16ToF32(bits.subarray(1024, 2048)));
});

test("BF16 becomes f16, and the error, in numbers below 2^-17 only, is measured", async () => {
  const bits = patterns(0x4780).filter(
    (pattern) => Math.abs(bf16ToF32(Uint16Array.of(pattern))[0]!) <= 65504,
  );
  const whole = bits.subarray(0, bits.length - (bits.length % 1024));
  const rows = whole.length / 1024;
  const tensor = await open("BF16", [rows, 1024], whole);
  expect(tensor).toMatchObject({ dtype: "BF16", isExact: false, kept: { format: "f16", rows } });
  const { values, lost } = await kept(tensor);
  let largest = 0;
  bf16ToF32(whole).forEach((value, i) => {
    const error = Math.abs(value - values[i]!);
    largest = Math.max(largest, error);
    expect(Math.abs(value) >= 2 ** -17 ? error : 0).toBe(0);
  });
  expect(largest).toBeGreaterThan(0);
  expect(largest).toBeLessThanOrEqual(2 ** -25);
  expect(lost.largest).toBe(largest);
});

test("F32 stays f32, and vectors of every dtype are f32", async () => {
  const f32 = await open(
    "F32",
    [2, 8],
    Float32Array.from({ length: 16 }, (_, i) => i / 3),
  );
  expect(f32).toMatchObject({ isExact: true, kept: { format: "f32", rows: 2, cols: 8 } });
  expect((await kept(f32)).values).toEqual(Float32Array.from({ length: 16 }, (_, i) => i / 3));
  for (const dtype of ["F16", "BF16"] as const) {
    const norm = await open(dtype, [8], new Uint16Array(8).fill(0x3c00));
    expect(norm).toMatchObject({ isExact: true, kept: { format: "f32", rows: 1, cols: 8 } });
    expect((await kept(norm)).values[0]).toBe(dtype === "F16" ? 1 : 0.0078125);
  }
});

test("rows of odd width are f32, which has no pairs", async () => {
  const odd = await open("F16", [3, 5], new Uint16Array(15).fill(0x3c00));
  expect(odd.kept).toEqual({ format: "f32", rows: 3, cols: 5 });
  expect((await kept(odd)).values).toEqual(new Float32Array(15).fill(1));
});

describe("refused tensors", () => {
  const where = 'm.safetensors, tensor "w"';

  test.each(["F64", "I32", "U8", "BOOL", "I64"] as const)(
    "a tensor of %s is refused with file and name",
    async (dtype) => {
      const bytes = { F64: 8, I64: 8, I32: 4, U8: 1, BOOL: 1 }[dtype];
      await expect(open(dtype, [4, 4], new Uint8Array(16 * bytes))).rejects.toMatchObject({
        code: "wrong-dtype",
        where,
        message: expect.stringContaining(`It is ${dtype}, where F32, F16 or BF16`) as string,
      });
    },
  );

  test("a BF16 tensor outside the range of f16 is refused with the remedy", async () => {
    const bits = new Uint16Array(32);
    bits[13] = 0x4780; // 65536
    await expect(kept(await open("BF16", [4, 8], bits))).rejects.toMatchObject({
      code: "wrong-dtype",
      where: "w",
      message: expect.stringContaining("Row 1, column 5 is 65536; f16 holds") as string,
      remedy: expect.stringContaining("as f32") as string,
    });
  });

  test.each([0x7c00, 0xfc00, 0x7e01])(
    "an F16 tensor that is not finite is refused (%i)",
    async (pattern) => {
      const bits = new Uint16Array(32);
      bits[30] = pattern;
      await expect(kept(await open("F16", [4, 8], bits))).rejects.toMatchObject({
        code: "wrong-dtype",
        where,
        message: expect.stringContaining("Row 3, column 6 is not a finite number") as string,
      });
    },
  );

  test("an F32 tensor that is not finite is refused", async () => {
    const data = new Float32Array(32).fill(NaN, 9, 10);
    await expect(kept(await open("F32", [4, 8], data))).rejects.toMatchObject({
      code: "wrong-dtype",
      message: expect.stringContaining("Row 1, column 1 is NaN") as string,
    });
  });
});
