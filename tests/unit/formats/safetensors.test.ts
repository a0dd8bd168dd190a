// What the safetensors reader and writer do with good files, and whether other libraries agree.
import { readFile } from "node:fs/promises";
import { SafeTensor } from "safetensors";
import { describe, expect, test } from "vitest";
import { encodeSafetensors, type TensorData } from "../../../src/formats/safetensors-write.ts";
import { blobSource } from "../../../src/formats/byte-source.ts";
import { openSafetensors } from "../../../src/formats/safetensors.ts";
import { f32ToBf16, f32ToF16 } from "../../../src/util/bytes.ts";
import { entry, file } from "./safetensors-bytes.ts";

const open = (bytes: Uint8Array<ArrayBuffer>) =>
  openSafetensors(blobSource(new Blob([bytes]), "f.safetensors"));
const fixture = () => readFile(new URL("./fixtures/python.safetensors", import.meta.url));

/** The tensors of fixtures/python.py, in another order than the file's. */
const pythonTensors: TensorData[] = [
  { name: "\uff5e", dtype: "U8", shape: [1], data: Uint8Array.of(2) },
  { name: "\u{1f600}", dtype: "U8", shape: [1], data: Uint8Array.of(1) },
  { name: 'quo"te\\\n\u0001é', dtype: "U8", shape: [1], data: Uint8Array.of(3) },
  { name: "b.weight", dtype: "F32", shape: [2, 2], data: Float32Array.of(1.5, -2, 0, 3.25) },
  {
    name: "a.weight",
    dtype: "F16",
    shape: [3],
    data: f32ToF16(Float32Array.of(0.5, -0.25, 65504)),
  },
  { name: "flags", dtype: "BOOL", shape: [3], data: Uint8Array.of(1, 0, 1) },
  { name: "ids", dtype: "I64", shape: [3], data: BigInt64Array.of(1n, -2n, 3n) },
  { name: "a.scale", dtype: "F64", shape: [], data: Float64Array.of(7) },
  { name: "empty", dtype: "F32", shape: [0, 4], data: new Float32Array() },
  { name: "i32", dtype: "I32", shape: [1], data: Int32Array.of(-5) },
  { name: "u32", dtype: "U32", shape: [1], data: Uint32Array.of(5) },
  { name: "i16", dtype: "I16", shape: [1], data: Int16Array.of(-6) },
  { name: "u16", dtype: "U16", shape: [1], data: Uint16Array.of(6) },
  { name: "i8", dtype: "I8", shape: [1], data: Int8Array.of(-7) },
  { name: "u64", dtype: "U64", shape: [1], data: BigUint64Array.of(2n ** 63n) },
];

describe("openSafetensors", () => {
  test("openSafetensors reads a file of the Python library", async () => {
    const opened = await open(new Uint8Array(await fixture()));
    expect(opened.metadata).toEqual(new Map([["format", "pt"]]));
    expect(opened.tensors.size).toBe(15);
    expect(opened.tensors.get("a.scale")).toMatchObject({ dtype: "F64", shape: [] });
    expect(await opened.readFloat32("b.weight")).toEqual(Float32Array.of(1.5, -2, 0, 3.25));
    expect(await opened.readFloat32("a.weight")).toEqual(Float32Array.of(0.5, -0.25, 65504));
    expect(await opened.readFloat32("empty")).toEqual(new Float32Array());
    expect(await opened.readBytes('quo"te\\\n\u0001é')).toEqual(Uint8Array.of(3));
  });

  test.each([
    ["an empty file", "{}", 0],
    ["a header between white space", " \t\r\n{ } \n", 0],
    [
      "entries out of the order of the data",
      `{"b":${entry("U8", "1", "1,2")},"a":${entry("U8", "1", "0,1")}}`,
      2,
    ],
    [
      "empty tensors anywhere",
      `{"a":${entry("U8", "0", "0,0")},"b":${entry("U8", "1", "0,1")},"c":${entry("F64", "0,9", "1,1")}}`,
      1,
    ],
    ["a tensor without a name", `{"":${entry("U8", "", "0,1")}}`, 1],
    ["a pair of \\u escapes", `{"\\ud83d\\uDE00":${entry("U8", "", "0,1")}}`, 1],
  ])("openSafetensors accepts %s", async (_, header, dataBytes) => {
    const opened = await openSafetensors(blobSource(file(header, dataBytes), "f.safetensors"));
    expect([...opened.tensors.values()].at(-1)?.end ?? 0).toBe(dataBytes);
  });

  test("openSafetensors takes the null that MLX writes for no metadata as none", async () => {
    const bytes = await readFile(
      new URL("../../golden/mlx/no-metadata.safetensors", import.meta.url),
    );
    expect(bytes.toString("latin1")).toContain('{"__metadata__":null,');
    const opened = await open(Uint8Array.from(bytes));
    expect(opened.metadata.size).toBe(0);
    expect(await opened.readFloat32("x")).toEqual(Float32Array.of(1, -2.5));
  });

  test("openSafetensors keeps __proto__ as a name like any other", async () => {
    const header = `{"__metadata__":{"__proto__":"x"},"__proto__":${entry("U8", "2", "0,2")}}`;
    const opened = await openSafetensors(
      blobSource(file(header, Uint8Array.of(7, 8)), "f.safetensors"),
    );
    expect([...opened.tensors.keys()]).toEqual(["__proto__"]);
    expect(opened.metadata.get("__proto__")).toBe("x");
    expect(await opened.readBytes("__proto__")).toEqual(Uint8Array.of(7, 8));
  });

  test("openSafetensors reads a header whose length reads as '<', which is no web page", async () => {
    const header = `{"w":${entry("U8", "1", "0,1")}}`.padEnd(0x3c);
    expect((await openSafetensors(blobSource(file(header, 1), "f"))).tensors.size).toBe(1);
  });

  test("openSafetensors reads only the header and the requested tensor", async () => {
    const bytes = encodeSafetensors([
      { name: "a", dtype: "U8", shape: [1e6], data: new Uint8Array(1e6) },
      { name: "b", dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 3) },
    ]);
    const blob = new Blob([bytes]);
    let bytesRead = 0;
    const slice = blob.slice.bind(blob);
    blob.slice = (start, end) => {
      bytesRead += end! - start!;
      return slice(start, end);
    };
    const opened = await openSafetensors(blobSource(blob, "f"));
    expect(await opened.readBytes("b")).toEqual(Uint8Array.of(1, 2, 3));
    expect(bytesRead).toBeLessThan(1000);
  });

  test("openSafetensors converts F16 and BF16 to f32 and refuses to convert integers", async () => {
    const values = Float32Array.of(1, -0.5, 2 ** -24, Infinity);
    const bytes = encodeSafetensors([
      { name: "f16", dtype: "F16", shape: [4], data: f32ToF16(values) },
      { name: "bf16", dtype: "BF16", shape: [4], data: f32ToBf16(values) },
      { name: "i32", dtype: "I32", shape: [1], data: Int32Array.of(1) },
    ]);
    const opened = await open(bytes);
    expect(await opened.readFloat32("f16")).toEqual(values);
    expect(await opened.readFloat32("bf16")).toEqual(values);
    await expect(opened.readFloat32("i32")).rejects.toMatchObject({
      code: "wrong-dtype",
      message: 'f.safetensors, tensor "i32": It is I32, but must be F32, F16 or BF16.',
    });
  });

  test("openSafetensors names a missing tensor in its error", async () => {
    const opened = await openSafetensors(blobSource(file("{}"), "f.safetensors"));
    await expect(opened.readBytes("w")).rejects.toMatchObject({ code: "missing-tensor" });
    await expect(opened.readFloat32("w")).rejects.toThrow('no tensor "w" among its 0');
  });

  test("openSafetensors passes the signal's AbortError on", async () => {
    const opened = await openSafetensors(
      blobSource(file(`{"w":${entry("U8", "1", "0,1")}}`, 1), "f"),
    );
    const controller = new AbortController();
    const reading = opened.readBytes("w", controller.signal);
    controller.abort();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    await expect(opened.readBytes("w", controller.signal)).rejects.toMatchObject({
      name: "AbortError",
    });
  });

  test("openSafetensors reports a file that the browser can no longer read", async () => {
    const blob = file("{}");
    blob.slice = () => {
      throw new DOMException("The file changed.", "NotReadableError");
    };
    await expect(openSafetensors(blobSource(blob, "f"))).rejects.toMatchObject({
      code: "unreadable-file",
    });
  });
});

describe("encodeSafetensors", () => {
  test("encodeSafetensors writes the bytes of the Python library", async () => {
    const bytes = encodeSafetensors(pythonTensors, { format: "pt" });
    expect(Buffer.from(bytes).equals(await fixture())).toBe(true);
  });

  test("encodeSafetensors writes a file that reads back the same", async () => {
    const opened = await open(encodeSafetensors(pythonTensors, { b: "2", a: "\u{1f600}\n" }));
    expect([...opened.metadata]).toEqual([
      ["b", "2"],
      ["a", "\u{1f600}\n"],
    ]);
    for (const { name, dtype, shape, data } of pythonTensors) {
      expect(opened.tensors.get(name)).toMatchObject({ name, dtype, shape });
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      expect(await opened.readBytes(name)).toEqual(bytes);
    }
  });

  test("encodeSafetensors writes a file without metadata that the npm package safetensors reads", () => {
    const floats = Float32Array.of(1.5, -2, 3);
    const foreign = new SafeTensor(
      encodeSafetensors([
        { name: "w", dtype: "F32", shape: [3], data: floats },
        { name: "ids", dtype: "I64", shape: [1], data: BigInt64Array.of(-9n) },
      ]),
    );
    expect(foreign.metadata.get("w")).toMatchObject({ dtype: "F32", shape: [3] });
    expect(new Float32Array(foreign.getTensor("w").slice().buffer)).toEqual(floats);
    expect(new BigInt64Array(foreign.getTensor("ids").slice().buffer)).toEqual(
      BigInt64Array.of(-9n),
    );
  });

  test("encodeSafetensors aligns the data to 8 bytes and copies a view, not its buffer", async () => {
    const view = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    const bytes = encodeSafetensors([{ name: "w", dtype: "F32", shape: [2], data: view }]);
    expect((bytes.length - 8) % 8).toBe(0);
    expect(await (await open(bytes)).readFloat32("w")).toEqual(Float32Array.of(1, 2));
  });

  test.each<[string, TensorData[], Record<string, string>?]>([
    ["two tensors are called w", [tensor("w"), tensor("w")]],
    ["cannot be the name of a tensor", [tensor("__metadata__")]],
    ["cannot be the name of a tensor", [tensor("\ud800")]],
    ["needs 8 bytes, not 4", [{ name: "w", dtype: "F32", shape: [2], data: new Float32Array(1) }]],
    ["needs 4 bytes, not 2", [{ name: "w", dtype: "F32", shape: [1], data: new Uint16Array(1) }]],
    ["needs 1 bytes", [{ name: "w", dtype: "U8", shape: [-1, -1], data: new Uint8Array(1) }]],
    ["over 2^53", [{ name: "w", dtype: "U8", shape: [2 ** 53, 2], data: new Uint8Array(1) }]],
    ["half a surrogate pair", [], { note: "\udc00" }],
  ])("encodeSafetensors refuses what no reader accepts: %s", (says, tensors, metadata) => {
    expect(() => encodeSafetensors(tensors, metadata)).toThrow(says);
  });
});

function tensor(name: string): TensorData {
  return { name, dtype: "U8", shape: [1], data: new Uint8Array(1) };
}
