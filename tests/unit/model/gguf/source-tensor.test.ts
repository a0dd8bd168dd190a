// Tensors of GGUF files as weights of the model: packed blocks against gguf-py's values, rows put
// back in their order.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { blobSource, type ByteSource } from "../../../../src/formats/byte-source.ts";
import { openGgufFile } from "../../../../src/formats/gguf/file.ts";
import { halvesOfHeads, type RowOrder } from "../../../../src/model/gguf/rows.ts";
import { ggufSourceTensor } from "../../../../src/model/gguf/source-tensor.ts";
import type { SourceTensor } from "../../../../src/model/source-tensor.ts";
import { ConversionReport, convertTensor } from "../../../../src/model/weights/convert.ts";
import { decodeWeight } from "../../../../src/model/weight-format/decode.ts";
import { weightBytes } from "../../../../src/model/weight-format/format.ts";
import { f32ToF16 } from "../../../../src/util/bytes.ts";
import { bytesOf, writeGguf, type WrittenTensor } from "../../../support/gguf-writer.ts";

interface Blocks {
  types: Record<string, { blocks: string; values: string }>;
}

const goldenFile = new URL("../../../golden/gguf/blocks.json", import.meta.url);
const { types } = JSON.parse(await readFile(goldenFile, "utf8")) as Blocks;
const typeIds: Record<string, number> = {
  Q4_0: 2,
  Q4_1: 3,
  Q5_0: 6,
  Q5_1: 7,
  Q8_0: 8,
  Q4_K: 12,
  Q5_K: 13,
  Q6_K: 14,
};
const kept: Record<string, string> = { Q4_0: "q4", Q4_1: "q4", Q5_0: "q8", Q5_1: "q8", Q8_0: "q8" };
const { signal } = new AbortController();

/** Golden blocks whose scales a bias can hold, 16 rows of one block each. */
function goldenRows(type: string): { data: Uint8Array; values: Float32Array } {
  const { blocks, values } = types[type]!;
  const bytes = Buffer.from(blocks, "base64");
  const floats = new Float32Array(Uint8Array.from(Buffer.from(values, "base64")).buffer);
  const blockBytes = bytes.length / 16;
  const size = floats.length / 16;
  const fits = Array.from({ length: 16 }, (_, row) => row).filter((row) =>
    floats.subarray(row * size, (row + 1) * size).every((value) => Math.abs(value) < 4000),
  );
  const rows = Array.from({ length: 16 }, (_, i) => fits[i % fits.length]!);
  return {
    data: Buffer.concat(
      rows.map((row) => bytes.subarray(row * blockBytes, (row + 1) * blockBytes)),
    ),
    values: Float32Array.from(
      rows.flatMap((row) => [...floats.subarray(row * size, (row + 1) * size)]),
    ),
  };
}

async function sourceTensor(
  written: WrittenTensor,
  order: RowOrder | null = null,
  shift: 0 | 1 = 0,
  watch?: (begin: number, end: number) => void,
): Promise<SourceTensor> {
  const blob = blobSource(new Blob([writeGguf({ tensors: [written] })]), "model.gguf");
  const source: ByteSource = {
    ...blob,
    read: (begin, end, signal) => {
      watch?.(begin, end);
      return blob.read(begin, end, signal);
    },
  };
  const file = await openGgufFile(source);
  return ggufSourceTensor(file, file.tensors.get(written.name)!, "model.w", { order, shift });
}

/** What a device would hold of the packed parts. */
async function packedValues(tensor: SourceTensor): Promise<Float32Array> {
  const stored: Record<string, Uint8Array<ArrayBuffer>> = Object.fromEntries(
    Object.entries(weightBytes(tensor.kept)).map(([name, bytes]) => [name, new Uint8Array(bytes)]),
  );
  for await (const { binding, offsetBytes, values } of tensor.packed!(signal)) {
    stored[binding]!.set(bytesOf(values), offsetBytes);
  }
  const buffers = Object.entries(stored).map(([name, { buffer }]) => [name, buffer]);
  return decodeWeight(tensor.kept, Object.fromEntries(buffers) as Record<string, ArrayBuffer>);
}

/** The sign of a zero is all that packing loses. */
function withoutSignOfZero(values: ArrayLike<number>): number[] {
  return Array.from(values, (value) => value + 0);
}

describe.each(Object.keys(kept))("%s", (name) => {
  const { data, values } = goldenRows(name);
  const written: WrittenTensor = { name: "w", ne: [32, 16], type: typeIds[name]!, data };

  test("the packed tensor has exactly the values of gguf-py", async () => {
    const tensor = await sourceTensor(written);
    expect(tensor).toMatchObject({
      shape: [16, 32],
      dtype: name,
      isExact: true,
      sizeBytes: data.length,
    });
    expect(tensor.kept).toEqual({ format: kept[name], rows: 16, cols: 32, groupSize: 32 });
    expect(withoutSignOfZero(await packedValues(tensor))).toEqual(withoutSignOfZero(values));
    expect([...(await tensor.values(0, 16, signal))]).toEqual([...values]);
  });

  test("the tensor has the rows of heads in the model's order, packed and as numbers", async () => {
    const tensor = await sourceTensor(written, halvesOfHeads(8));
    // Two heads of 8 rows: the file has their halves in turns.
    const order = [0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15];
    const expected = order.flatMap((row) => [...values.subarray(row * 32, (row + 1) * 32)]);
    expect(withoutSignOfZero(await packedValues(tensor))).toEqual(withoutSignOfZero(expected));
    for (const [first, end] of [
      [0, 16],
      [3, 5],
      [7, 9],
      [15, 16],
      [4, 4],
    ] as const) {
      expect([...(await tensor.values(first, end, signal))]).toEqual(
        expected.slice(first * 32, end * 32),
      );
    }
  });

  test("the tensor is refused where a scale is not finite", async () => {
    const broken = Uint8Array.from(data);
    const blockBytes = data.length / 16;
    broken.set([0x00, 0x7c], 5 * blockBytes);
    const tensor = await sourceTensor({ ...written, data: broken });
    await expect(packedValues(tensor)).rejects.toThrow(/model\.gguf, tensor "w": A scale in row 5/);
  });
});

test.each([
  ["Q4_0", 2, 0x7000],
  ["Q8_0", 8, 0x6000],
])("a scale of %s too large for its bias is refused", async (name, type, half) => {
  const data = Uint8Array.from(goldenRows(name).data);
  data.set([half & 0xff, half >> 8]);
  const tensor = await sourceTensor({ name: "w", ne: [32, 16], type, data });
  await expect(packedValues(tensor)).rejects.toThrow("A scale in row 0 is not a finite number");
});

/**
 * Random codes whose range has 0 in its middle, as that of weights has. @param middle code of 0 in
 * Q4_K and Q5_K
 */
function weightLike(bytes: Uint8Array, blockBytes: number, middle: number): Uint8Array {
  const like = Uint8Array.from(bytes);
  for (let at = 0; at < like.length; at += blockBytes) {
    if (middle === 0) {
      like.set(bytesOf(f32ToF16(Float32Array.of(0.01))), at + 208);
      continue;
    }
    like.set(bytesOf(f32ToF16(Float32Array.of(0.01, 0.01 * middle))), at);
    for (let lane = 0; lane < 4; lane++) {
      const scales = at + 4 + lane;
      like[scales + 4] = like[scales]!;
      like[scales + 8] = (like[scales + 8]! & 15) * 17;
    }
  }
  return like;
}

test.each([
  ["Q4_K", 144, 8],
  ["Q5_K", 176, 16],
  ["Q6_K", 210, 0],
])("%s is requantised to q8 with a small error", async (name, blockBytes, middle) => {
  const bytes = Buffer.from(types[name]!.blocks, "base64");
  const data = weightLike(bytes, blockBytes, middle);
  const tensor = await sourceTensor({ name: "w", ne: [256, 16], type: typeIds[name]!, data });
  expect(tensor.kept).toEqual({ format: "q8", rows: 16, cols: 256, groupSize: 32 });
  expect(tensor.isExact).toBe(false);
  expect(tensor).not.toHaveProperty("packed");
  const report = new ConversionReport();
  for await (const part of convertTensor(tensor, tensor.kept, signal, report)) {
    expect(part.values.length).toBeGreaterThan(0);
  }
  const { relative } = report.tensors.get("model.w")!.error;
  expect(relative).toBeGreaterThan(1e-5);
  expect(relative).toBeLessThan(5e-3);
});

test.each([
  ["IQ4_NL", 20, 32],
  ["Q2_0", 42, 64],
])("%s has the values of ggml and is requantised to q8", async (name, type, size) => {
  const { blocks, values } = types[name]!;
  const floats = new Float32Array(Uint8Array.from(Buffer.from(values, "base64")).buffer);
  const data = Buffer.from(blocks, "base64");
  const tensor = await sourceTensor({ name: "w", ne: [size, 50], type, data });
  expect([...(await tensor.values(0, 50, signal))]).toEqual([...floats]);
  expect(tensor.kept).toEqual({ format: "q8", rows: 50, cols: size, groupSize: 32 });
  expect(tensor).toMatchObject({ dtype: name, isExact: false });
});

test("F32 matrices are kept as f32, F16 and BF16 as f16, vectors as f32", async () => {
  const shapeOf = async (type: number, ne: number[], bytes: number) => {
    const tensor = await sourceTensor({
      name: "w",
      ne,
      type,
      data: new Uint8Array(bytes),
    });
    return [tensor.kept.format, tensor.isExact, "packed" in tensor];
  };
  expect(await shapeOf(0, [4, 2], 32)).toEqual(["f32", true, false]);
  expect(await shapeOf(1, [4, 2], 16)).toEqual(["f16", true, true]);
  expect(await shapeOf(30, [4, 2], 16)).toEqual(["f16", false, false]);
  expect(await shapeOf(1, [4], 8)).toEqual(["f32", true, false]);
  expect(await shapeOf(30, [4], 8)).toEqual(["f32", true, false]);
  expect(await shapeOf(8, [32], 34)).toEqual(["f32", true, false]);
});

test("F16 is copied unchanged, and refused where it is not finite", async () => {
  const halves = Uint16Array.from({ length: 16 }, (_, i) => 0x3c00 + i);
  const written: WrittenTensor = { name: "w", ne: [4, 4], type: 1, data: bytesOf(halves) };
  const tensor = await sourceTensor(written);
  expect([...(await packedValues(tensor))]).toEqual([...(await tensor.values(0, 4, signal))]);
  halves[9] = 0x7e00;
  const broken = await sourceTensor({ ...written, data: bytesOf(halves) });
  await expect(packedValues(broken)).rejects.toThrow("A value in row 2 is not a finite number");
});

test("biases are reordered like their rows, and the shift of norms is subtracted", async () => {
  const data = bytesOf(Float32Array.from({ length: 8 }, (_, i) => i + 1.5));
  const bias = await sourceTensor({ name: "w", ne: [8], type: 0, data }, halvesOfHeads(4));
  expect([...(await bias.values(0, 1, signal))]).toEqual([1.5, 3.5, 2.5, 4.5, 5.5, 7.5, 6.5, 8.5]);
  const norm = await sourceTensor({ name: "w", ne: [8], type: 0, data }, null, 1);
  expect([...(await norm.values(0, 1, signal))]).toEqual([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]);
});

test("a tensor without an order reads the wanted rows only, with one the whole head", async () => {
  const rows = 1024;
  const ranges: number[] = [];
  const watch = (begin: number, end: number) => ranges.push(end - begin);
  const written: WrittenTensor = {
    name: "w",
    ne: [32, rows],
    type: 8,
    data: new Uint8Array(34 * rows),
  };
  for (const [order, most] of [
    [null, 2],
    [halvesOfHeads(64), 64],
  ] as const) {
    const tensor = await sourceTensor(written, order, 0, watch);
    ranges.length = 0;
    await tensor.values(500, 502, signal);
    expect(ranges).toHaveLength(1);
    expect(ranges[0]).toBeLessThanOrEqual(most * 34);
  }
});

test("a type that is not supported is refused by name", async () => {
  const data = new Uint8Array(136);
  await expect(sourceTensor({ name: "w", ne: [256], type: 23, data })).rejects.toThrow(
    'model.gguf, tensor "w": The type IQ4_XS is not supported. Supported: F32, F16, BF16, Q4_0',
  );
});

test("an aborted signal ends the read", async () => {
  const { data } = goldenRows("Q8_0");
  const tensor = await sourceTensor({ name: "w", ne: [32, 16], type: 8, data });
  await expect(tensor.values(0, 1, AbortSignal.abort())).rejects.toThrow("aborted");
});
