// Golden files of quantised weights as a folder of them, and what a tensor's parts hold once they
// lie on a device.
import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import { blobSource } from "../../../../src/formats/byte-source.ts";
import { openShards, type StoredTensor } from "../../../../src/model/folder/shards.ts";
import type { SourceTensor } from "../../../../src/model/source-tensor.ts";
import { decodeWeight } from "../../../../src/model/weight-format/decode.ts";
import { weightBytes, type WeightBinding } from "../../../../src/model/weight-format/format.ts";

export const never = new AbortController().signal;

export async function openGolden(path: string): Promise<ReadonlyMap<string, StoredTensor>> {
  const bytes = await readFile(new URL(`../../../golden/${path}`, import.meta.url));
  const files = new Map([
    ["cases.safetensors", blobSource(new Blob([bytes]), "cases.safetensors")],
  ]);
  return await openShards({ source: "files", name: "golden", files }, () => true);
}

/** A tensor of the golden by name, as f32. */
export async function floatsOf(tensor: StoredTensor): Promise<Float32Array> {
  expect(tensor.dtype).toBe("F32");
  return new Float32Array((await tensor.read(0, tensor.sizeBytes, never)).buffer);
}

/** The bytes that the parts put into each binding; every byte is put there once. */
export async function packedBytes(
  tensor: SourceTensor,
): Promise<Partial<Record<WeightBinding, ArrayBuffer>>> {
  const sizes = weightBytes(tensor.kept);
  const stored: Partial<Record<WeightBinding, ArrayBuffer>> = {};
  const put: Partial<Record<WeightBinding, number>> = {};
  for await (const { binding, offsetBytes, values } of tensor.packed!(never)) {
    expect(values.byteLength).toBeLessThanOrEqual(16 * 1024 ** 2);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const whole = (stored[binding] ??= new ArrayBuffer(sizes[binding]!));
    new Uint8Array(whole).set(bytes, offsetBytes);
    put[binding] = (put[binding] ?? 0) + bytes.length;
  }
  expect(put).toEqual(sizes);
  return stored;
}

/** What a kernel sees of the packed parts. */
export async function packedValues(tensor: SourceTensor): Promise<Float32Array> {
  return decodeWeight(tensor.kept, await packedBytes(tensor));
}
