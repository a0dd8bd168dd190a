// GGUF headers that are right: every type of value, both versions, and how little of a file is
// read.
import { describe, expect, test } from "vitest";
import { blobSource, type ByteSource } from "../../../src/formats/byte-source.ts";
import { openGgufFile } from "../../../src/formats/gguf/file.ts";
import {
  bool,
  f32Tensor,
  list,
  number,
  str,
  strings,
  writeGguf,
  type Parts,
} from "../../support/gguf-writer.ts";

function sourceOf(parts: Parts): ByteSource {
  return blobSource(new Blob([writeGguf(parts)]), "model.gguf");
}

async function valueOf(value: Uint8Array): Promise<unknown> {
  const { metadata } = await openGgufFile(sourceOf({ metadata: [["key", value]] }));
  return metadata.get("key");
}

describe("a GGUF metadata value", () => {
  test.each([
    ["u8", number("u8", 255), 255],
    ["i8", number("i8", -128), -128],
    ["u16", number("u16", 65_535), 65_535],
    ["i16", number("i16", -32_768), -32_768],
    ["u32", number("u32", 4_294_967_295), 4_294_967_295],
    ["i32", number("i32", -2_147_483_648), -2_147_483_648],
    ["f32", number("f32", 0.5), 0.5],
    ["f64", number("f64", 0.1), 0.1],
    ["u64", number("u64", 2 ** 53 - 1), 2 ** 53 - 1],
    ["u64 that no number holds", number("u64", 2n ** 64n - 1n), 2n ** 64n - 1n],
    ["i64", number("i64", -(2 ** 53)), -(2 ** 53)],
    ["i64 that no number holds", number("i64", -(2n ** 63n)), -(2n ** 63n)],
    ["bool", bool(true), true],
    ["string", str("naïve 🙂"), "naïve 🙂"],
    ["string of a byte order mark", str("\uFEFF"), "\uFEFF"],
    ["array of strings", strings(["", "a", "__proto__"]), ["", "a", "__proto__"]],
    ["array of numbers", list("i16", [1, -1]), Int16Array.of(1, -1)],
    ["empty array", list("f32", []), new Float32Array(0)],
    ["array of u64", list("u64", [2n ** 60n]), BigUint64Array.of(2n ** 60n)],
  ])("a GGUF metadata value of type %s is read", async (_, value, expected) => {
    expect(await valueOf(value)).toEqual(expected);
  });
});

test("GGUF tensors are found at the offsets of the file's alignment", async () => {
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);
  for (const alignment of [8, 32, 4096]) {
    const file = await openGgufFile(
      sourceOf({
        alignment,
        metadata: [["general.alignment", number("u32", alignment)]],
        tensors: [
          f32Tensor("first", [2, 3], values),
          f32Tensor("second", [6], values.map(Math.sqrt)),
        ],
      }),
    );
    const [first, second] = [...file.tensors.values()];
    expect(first).toMatchObject({ name: "first", ne: [2, 3], rowBytes: 8, sizeBytes: 24 });
    expect(first!.begin % alignment).toBe(0);
    expect(second!.begin).toBe(first!.begin + Math.ceil(24 / alignment) * alignment);
    const rows = await file.readRows(first!, 1, 3);
    expect([...new Float32Array(rows.buffer)]).toEqual([3, 4, 5, 6]);
  }
});

test("GGUF version 2 is read like version 3", async () => {
  const { metadata } = await openGgufFile(sourceOf({ version: 2, metadata: [["key", str("v2")]] }));
  expect(metadata.get("key")).toBe("v2");
});

test("a GGUF header larger than the first range is read in growing ranges", async () => {
  const tokens = Array.from({ length: 60_000 }, (_, id) => `token number ${id}`);
  const weights = f32Tensor("weights", [4, 1_000_000], new Float32Array(4_000_000));
  const source = sourceOf({
    metadata: [
      ["tokens", strings(tokens)],
      ["after", number("u32", 7)],
    ],
    tensors: [weights],
  });
  const ranges: [number, number][] = [];
  const counted: ByteSource = {
    ...source,
    read: (begin, end, signal) => {
      ranges.push([begin, end]);
      return source.read(begin, end, signal);
    },
  };
  const { metadata, tensors } = await openGgufFile(counted);
  expect(metadata.get("tokens")).toEqual(tokens);
  expect(metadata.get("after")).toBe(7);
  const { begin } = tensors.get("weights")!;
  expect(begin).toBeGreaterThan(1_500_000);
  expect(Math.max(...ranges.map(([, end]) => end))).toBeLessThan(begin * 2.5);
  expect(ranges.length).toBeLessThan(8);
});

test("an aborted signal ends reading a GGUF file with its error", async () => {
  const source = sourceOf({ metadata: [["key", str("x")]] });
  await expect(openGgufFile(source, AbortSignal.abort())).rejects.toThrow("aborted");
});
