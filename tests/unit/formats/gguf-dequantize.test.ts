// GGUF's blocks against gguf-py, and against ggml for the type that gguf-py lacks, bit by bit.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { decodableName, decodableTypes, dequantize } from "../../../src/formats/gguf/dequantize.ts";
import { tensorTypeOf } from "../../../src/formats/gguf/tensor-types.ts";

interface Golden {
  types: Record<string, { blocks: string; values: string }>;
}

const goldenFile = new URL("../../golden/gguf/blocks.json", import.meta.url);
const { types } = JSON.parse(await readFile(goldenFile, "utf8")) as Golden;
const tensorTypes = Array.from({ length: 64 }, (_, id) => tensorTypeOf(id)).filter(
  (type) => type !== undefined,
);

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(base64, "base64"));
}

function decoded(name: string, bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const type = tensorTypes.find((candidate) => candidate.name === name)!;
  return dequantize(decodableName(type)!, type, bytes);
}

describe("dequantized values:", () => {
  test.each(Object.keys(types))("dequantized %s blocks have the bits of gguf-py", (name) => {
    const { blocks, values } = types[name]!;
    const bits = new Uint32Array(decoded(name, bytesOf(blocks)).buffer);
    const expected = new Uint32Array(bytesOf(values).buffer);
    expect(expected.length).toBeGreaterThanOrEqual(512);
    expect([...bits]).toEqual([...expected]);
  });

  test("F32, F16 and BF16 tensors have the stored numbers", () => {
    expect([...decoded("F32", new Uint8Array(new Float32Array([0.1, -3e38]).buffer))]).toEqual([
      Math.fround(0.1),
      Math.fround(-3e38),
    ]);
    expect([...decoded("F16", Uint8Array.of(0, 0x3c, 1, 0))]).toEqual([1, 2 ** -24]);
    expect([...decoded("BF16", Uint8Array.of(0x80, 0x3f, 1, 0))]).toEqual([1, 2 ** -133]);
  });
});

test("every supported GGUF block type has a golden file", () => {
  const plain = ["F32", "F16", "BF16"];
  expect(Object.keys(types).sort()).toEqual(
    decodableTypes.filter((name) => !plain.includes(name)).sort(),
  );
});

test("an unsupported GGUF type has no decoder", () => {
  const undecoded = tensorTypes.filter((type) => decodableName(type) === undefined);
  expect(undecoded.map(({ name }) => name)).toContain("IQ4_XS");
  expect(undecoded.length + decodableTypes.length).toBe(tensorTypes.length);
});
