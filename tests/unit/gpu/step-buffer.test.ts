// The step buffer's bytes lie as its WGSL declaration says.
import { expect, test } from "vitest";
import {
  noScalars,
  packStep,
  stepBufferBytes,
  stepBufferDeclaration,
  stepFields,
  type StepField,
} from "../../../src/gpu/step-buffer.ts";

const names = Object.keys(stepFields) as StepField[];

test("the declaration names the fields in their order", () => {
  const lines = names.map((name) => `  ${name} : ${stepFields[name]},\n`);
  expect(stepBufferDeclaration(3)).toBe(
    `struct Step {\n${lines.join("")}}\n@group(0) @binding(3) var<uniform> step : Step;`,
  );
});

test("fills whole quads, as a uniform buffer must", () => {
  expect(stepBufferBytes % 16).toBe(0);
  expect(stepBufferBytes).toBeGreaterThanOrEqual(4 * names.length);
});

test.each(names)("%s lies in the place of its declaration, and nowhere else", (name) => {
  const value = stepFields[name] === "u32" ? 0xfedcba98 : 0.1;
  const zeros = Object.fromEntries(names.map((field) => [field, 0])) as Record<StepField, number>;
  const bytes = new DataView(new ArrayBuffer(stepBufferBytes));
  packStep({ ...zeros, [name]: value }, bytes);
  const words = [...new Uint32Array(bytes.buffer)];
  const place = names.indexOf(name);
  expect(words.findIndex((word) => word !== 0)).toBe(place);
  expect(words.filter((word) => word !== 0)).toHaveLength(1);
  const read =
    stepFields[name] === "u32"
      ? bytes.getUint32(4 * place, true)
      : bytes.getFloat32(4 * place, true);
  expect(read).toBe(stepFields[name] === "u32" ? value : Math.fround(value));
});

test("a second packing leaves nothing of the first", () => {
  const bytes = new DataView(new ArrayBuffer(stepBufferBytes));
  packStep({ ...noScalars, seed: 7, gradScale: 2 }, bytes);
  packStep(noScalars, bytes);
  const fresh = new DataView(new ArrayBuffer(stepBufferBytes));
  packStep(noScalars, fresh);
  expect([...new Uint8Array(bytes.buffer)]).toEqual([...new Uint8Array(fresh.buffer)]);
});
