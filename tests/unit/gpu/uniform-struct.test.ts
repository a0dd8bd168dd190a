// The bytes of a uniform struct agree with its WGSL declaration.
import { expect, test } from "vitest";
import {
  packUniforms,
  uniformDeclaration,
  uniformStruct,
} from "../../../src/gpu/uniform-struct.ts";
import { noScalars, stepScalars } from "../../../src/kernels/step-scalars.ts";

const { fields, sizeBytes } = stepScalars;
const names = fields.map(({ name }) => name);
const packed = (values: readonly number[]) => {
  const bytes = new DataView(new ArrayBuffer(sizeBytes));
  packUniforms(stepScalars, values, bytes);
  return bytes;
};

test("the declaration of a uniform struct names the fields in their order", () => {
  const lines = fields.map(({ name, type }) => `  ${name} : ${type},\n`);
  expect(uniformDeclaration(stepScalars, 3)).toBe(
    `struct Step {\n${lines.join("")}}\n@group(0) @binding(3) var<uniform> step : Step;`,
  );
});

test("a uniform struct fills whole quads of 16 bytes", () => {
  expect(sizeBytes % 16).toBe(0);
  expect(sizeBytes).toBeGreaterThanOrEqual(4 * names.length);
  expect(uniformStruct("s", { a: "u32", b: "f32", c: "f32", d: "u32" }).sizeBytes).toBe(16);
});

test.each(names)("the uniform %s is written at the offset of its declaration only", (name) => {
  const place = names.indexOf(name);
  const { type, offsetBytes } = fields[place]!;
  const value = type === "u32" ? 0xfedcba98 : 0.1;
  const bytes = packed(names.map((field) => (field === name ? value : 0)));
  const words = [...new Uint32Array(bytes.buffer)];
  expect(offsetBytes).toBe(4 * place);
  expect(words.findIndex((word) => word !== 0)).toBe(place);
  expect(words.filter((word) => word !== 0)).toHaveLength(1);
  const read =
    type === "u32" ? bytes.getUint32(4 * place, true) : bytes.getFloat32(4 * place, true);
  expect(read).toBe(type === "u32" ? value : Math.fround(value));
});

test("a second packing of a uniform struct overwrites every value of the first", () => {
  const valuesOf = (scalars: typeof noScalars) => names.map((name) => scalars[name]);
  const bytes = packed(valuesOf({ ...noScalars, seed: 7, gradScale: 2 }));
  packUniforms(stepScalars, valuesOf(noScalars), bytes);
  expect([...new Uint8Array(bytes.buffer)]).toEqual([
    ...new Uint8Array(packed(valuesOf(noScalars)).buffer),
  ]);
});

test("a struct packed at an offset leaves the bytes before it alone", () => {
  const bytes = new DataView(new ArrayBuffer(32));
  packUniforms(uniformStruct("s", { a: "u32", b: "f32" }), [5, 0.5], bytes, 16);
  expect([...new Uint32Array(bytes.buffer, 0, 5)]).toEqual([0, 0, 0, 0, 5]);
  expect(bytes.getFloat32(20, true)).toBe(0.5);
});
