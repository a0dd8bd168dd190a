// GGUF files that we write, against gguf-py's and through our own reader.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { dequantize } from "../../../src/formats/gguf/dequantize.ts";
import { openGgufFile } from "../../../src/formats/gguf/file.ts";
import { quantize, typeOf, type EncodableType } from "../../../src/formats/gguf/quantize.ts";
import { ggufParts, ggufSizeBytes, type TensorToWrite } from "../../../src/formats/gguf/write.ts";
import type { TypedMetadata } from "../../../src/formats/gguf/write-value.ts";
import { concatBytes, sha256Hex } from "../../../src/util/bytes.ts";

const golden = (name: string) => readFile(new URL(`../../golden/gguf/${name}`, import.meta.url));
const { signal } = new AbortController();
const types: EncodableType[] = ["F32", "F16", "BF16", "Q8_0", "Q4_0"];

/** As `values` in golden/gguf/written.py. */
function values(count: number, seed: number, exponents: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: count }, (_, index) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const exponent = (Math.floor(index / 32) % exponents) - Math.floor(exponents / 2);
    return ((state >>> 8) / 2 ** 24 - 0.5) * 2 ** exponent;
  });
}

/** As `edges` in golden/gguf/written.py. */
function edges(): Float32Array<ArrayBuffer> {
  const block = (value: (i: number) => number) => Array.from({ length: 32 }, (_, i) => value(i));
  const ties = block((i) => (i === 31 ? 127 : i - 15.5));
  return Float32Array.from([
    ...block(() => 0),
    ...block(() => -0),
    ...block((i) => (i % 2 === 0 ? -2 : 2)),
    ...block((i) => (i % 2 === 0 ? 2 : -2)),
    ...ties,
    ...ties.map((value) => -value),
    ...block((i) => (i === 5 ? -3 : -0)),
    ...block(() => 2 ** -20),
    ...block(() => 2 ** -30),
  ]);
}

const metadata: TypedMetadata = [
  ["general.architecture", { type: "string", value: "llama" }],
  ["test.text", { type: "string", value: 'naïve "模型" 🙂\n' }],
  ["test.empty", { type: "string", value: "" }],
  ["test.yes", { type: "bool", value: true }],
  ["test.no", { type: "bool", value: false }],
  ["test.uint8", { type: "u8", value: 255 }],
  ["test.int8", { type: "i8", value: -128 }],
  ["test.uint16", { type: "u16", value: 65_535 }],
  ["test.int16", { type: "i16", value: -32_768 }],
  ["test.uint32", { type: "u32", value: 2 ** 32 - 1 }],
  ["test.int32", { type: "i32", value: -(2 ** 31) }],
  ["test.uint64", { type: "u64", value: 2 ** 53 - 1 }],
  ["test.int64", { type: "i64", value: 1 - 2 ** 53 }],
  ["test.float32", { type: "f32", value: 1e-6 }],
  ["test.float64", { type: "f64", value: 0.1 }],
  ["test.strings", { type: "array", of: "string", value: ["", "a", "ä b"] }],
  ["test.floats", { type: "array", of: "f32", value: [0.5, -1000.25] }],
  ["test.ints", { type: "array", of: "i32", value: Int32Array.of(1, -2, 3) }],
];

function tensor(
  name: string,
  type: EncodableType,
  shape: readonly number[],
  data: Float32Array,
): TensorToWrite {
  const columns = shape.at(-1) ?? 1;
  return {
    name,
    type,
    shape,
    rows: function* () {
      for (let at = 0; at < data.length; at += columns) {
        yield data.subarray(at, at + columns);
      }
    },
  };
}

const tensors = [
  ...types.map((type, i) => tensor(`blk.${i}.attn_q.weight`, type, [3, 64], values(192, 7 + i, 4))),
  tensor("output_norm.weight", "F32", [5], values(5, 3, 1)),
  tensor("deep", "F32", [2, 3, 4], values(24, 4, 1)),
];

async function written(
  what: TypedMetadata = metadata,
  of: readonly TensorToWrite[] = tensors,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts = [];
  for await (const part of ggufParts(what, of, signal)) {
    parts.push(part);
  }
  return concatBytes(parts);
}

describe("a written GGUF file", () => {
  test("has the bytes of gguf-py's GGUFWriter", async () => {
    const bytes = await written();
    expect(Buffer.from(bytes).equals(await golden("written.gguf"))).toBe(true);
    expect(ggufSizeBytes(metadata, tensors)).toBe(bytes.length);
  });

  test("reads back as it was given", async () => {
    const file = await openGgufFile(blobSource(new Blob([await written()]), "written.gguf"));
    for (const [key, { type, value }] of metadata) {
      const read = file.metadata.get(key);
      const given = type === "f32" ? Math.fround(value) : value;
      const isList = typeof read === "object";
      expect(isList ? [...read] : read, key).toEqual(isList ? [...(given as [])] : given);
    }
    expect([...file.tensors.values()].map(({ name, type, ne }) => [name, type.name, ne])).toEqual(
      tensors.map(({ name, type, shape }) => [name, type, [...shape].reverse()]),
    );
    const plain = file.tensors.get("blk.0.attn_q.weight")!;
    const bytes = await file.readRows(plain, 0, 3);
    expect(dequantize("F32", plain.type, bytes)).toEqual(values(192, 7, 4));
  });

  test("comes in parts of a piece of a tensor at most", async () => {
    const sizes = [];
    for await (const part of ggufParts(metadata, tensors, signal)) {
      sizes.push(part.length);
    }
    const [, ...data] = sizes;
    expect(Math.max(...data)).toBe(64 * 4);
  });

  test("ends with the signal's error between two pieces", async () => {
    const controller = new AbortController();
    const parts = ggufParts(metadata, tensors, controller.signal);
    await parts.next();
    await parts.next();
    controller.abort(new Error("enough"));
    await expect(parts.next()).rejects.toThrow("enough");
  });

  const one = tensor("a", "F32", [2], values(2, 1, 1));
  const key = (value: (typeof metadata)[number][1]): TypedMetadata => [["k", value]];
  test.each<[string, TypedMetadata, TensorToWrite[]]>([
    ["a tensor's name twice", [], [one, one]],
    ["a key twice", [...metadata, ...metadata], [one]],
    ["a name of 64 bytes, which ggml cuts", [], [{ ...one, name: "ä".repeat(32) }]],
    ["a shape without values", [], [{ ...one, shape: [0, 2] }]],
    ["five dimensions", [], [{ ...one, shape: [1, 1, 1, 1, 2] }]],
    ["a tensor that lacks a value", [], [{ ...one, shape: [3] }]],
    ["rows that are no whole blocks", [], [{ ...one, type: "Q8_0" }]],
    ["a u32 with a fraction", key({ type: "u32", value: 1.5 }), []],
    ["a u32 below zero", key({ type: "u32", value: -1 }), []],
    ["an i8 above its range", key({ type: "i8", value: 128 }), []],
    ["an f32 that is not a number", key({ type: "f32", value: NaN }), []],
    ["an f32 above its range", key({ type: "f32", value: 1e39 }), []],
    ["half a surrogate pair", key({ type: "string", value: "\ud83d" }), []],
  ])("is not written with %s", async (_, what, of) => {
    await expect(written(what, of)).rejects.toThrow("invariant");
  });
});

describe("a quantised block", () => {
  test.each(types)("of %s has gguf-py's bytes", async (type) => {
    const digests = JSON.parse((await golden("written.json")).toString()) as Record<
      EncodableType,
      Record<"many" | "edges", string>
    >;
    const digest = async (given: Float32Array) => await sha256Hex(quantize(type, given, "it"));
    expect(await digest(values(32 * 4096, 99, 24))).toBe(digests[type].many);
    expect(await digest(edges())).toBe(digests[type].edges);
  });

  test.each<[EncodableType, number]>([
    ["F32", 0],
    ["F16", 2 ** -11],
    ["BF16", 2 ** -8],
    ["Q8_0", 1 / 254 + 2 ** -11],
    ["Q4_0", 1 / 8],
  ])("of %s is within %f of the largest value", (type, bound) => {
    const given = values(32 * 512, 5, 4);
    const back = dequantize(type, typeOf(type), quantize(type, given, "it"));
    const largest = (block: number) =>
      Math.max(...given.subarray(block * 32, block * 32 + 32).map(Math.abs));
    const errors = Array.from({ length: 512 }, (_, block) =>
      Math.max(
        ...Array.from({ length: 32 }, (_, i) =>
          Math.abs((given[block * 32 + i] ?? NaN) - (back[block * 32 + i] ?? NaN)),
        ),
      ),
    );
    expect(errors.every((error, block) => error <= bound * largest(block))).toBe(true);
  });

  test.each<[EncodableType, number, string]>([
    ["F16", 65_520, "Choose a wider type"],
    ["Q4_0", 600_000, "Choose a wider type"],
    ["F32", NaN, "The run diverged"],
    ["BF16", Infinity, "The run diverged"],
    ["Q8_0", NaN, "The run diverged"],
  ])("of %s is refused with the value %f", (type, value, remedy) => {
    const given = new Float32Array(32).fill(1);
    given[31] = value;
    expect(() => quantize(type, given, "tensor a")).toThrow(
      expect.objectContaining({
        code: "wrong-dtype",
        where: "tensor a",
        remedy: expect.stringContaining(remedy) as string,
      }) as Error,
    );
  });
});
