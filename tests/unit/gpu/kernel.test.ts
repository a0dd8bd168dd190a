// A kernel's whole WGSL text, and that a variant is defined once.
import { expect, test } from "vitest";
import {
  defineKernel,
  extendedOnly,
  onePerVariant,
  type Binding,
} from "../../../src/gpu/kernel.ts";
import { uniformStruct } from "../../../src/gpu/uniform-struct.ts";

const perRun = uniformStruct("step", { seed: "u32" });

test("the parts of a module come in WGSL's order, bindings numbered through", () => {
  const { code, ...kernel } = defineKernel({
    name: "everything",
    source: "@compute @workgroup_size(SIZE)\nfn main() {}",
    definitions: "fn helper() {}",
    constants: { SIZE: 64, HALF: 32 },
    bindings: {
      weight: { use: "constant", element: "vec4f" },
      x: { use: "in", element: "f32" },
      y: { use: "out", element: "f32" },
      sum: { use: "inout", element: "u32" },
    },
    params: { rows: "u32", scale: "f32" },
    perRun,
  });
  const [before, step] = code.split("struct Step {");
  expect(before).toBe(`const SIZE : u32 = 64u;
const HALF : u32 = 32u;
@group(0) @binding(0) var<storage, read> weight : array<vec4f>;
@group(0) @binding(1) var<storage, read_write> x : array<f32>;
@group(0) @binding(2) var<storage, read_write> y : array<f32>;
@group(0) @binding(3) var<storage, read_write> sum : array<u32>;
struct Params {
  rows : u32,
  scale : f32,
}
@group(0) @binding(4) var<uniform> params : Params;
`);
  expect(step).toContain(
    "@group(0) @binding(5) var<uniform> step : Step;\nfn helper() {}\n@compute",
  );
  expect(kernel).toEqual({
    name: "everything",
    bindings: [
      { name: "weight", use: "constant", element: "vec4f" },
      { name: "x", use: "in", element: "f32" },
      { name: "y", use: "out", element: "f32" },
      { name: "sum", use: "inout", element: "u32" },
    ],
    params: uniformStruct("params", { rows: "u32", scale: "f32" }),
    perRun,
    extended: null,
  });
});

test("an extension changes only the definitions and element types of a module", () => {
  const kernel = defineKernel({
    name: "reader",
    source: "fn main() {}",
    definitions: "fn read() {}",
    bindings: {
      weight: { use: "constant", element: "u32" },
      y: { use: "out", element: "f32" },
    },
    extended: {
      extension: "f16",
      definitions: "fn read_halves() {}",
      elements: { weight: "vec2<f16>" },
    },
  });
  expect(kernel.extended).toEqual({
    extension: "f16",
    code: `enable f16;
@group(0) @binding(0) var<storage, read> weight : array<vec2<f16>>;
@group(0) @binding(1) var<storage, read_write> y : array<f32>;
fn read_halves() {}
fn main() {}`,
  });
  expect(kernel.code).toContain("fn read() {}");
  expect(extendedOnly(kernel)).toEqual({
    ...kernel,
    code: kernel.extended?.code,
    extended: null,
  });
  expect(() => extendedOnly(extendedOnly(kernel))).toThrow("reader uses no extension");
  expect(kernel.bindings[0]).toEqual({ name: "weight", use: "constant", element: "u32" });
});

test("a module has only the bindings and params that its kernel names", () => {
  const bindings: Record<string, Binding> = { y: { use: "out", element: "f32" } };
  const plain = defineKernel({ name: "plain", source: "fn main() {}", bindings });
  expect(plain.code).toBe(
    "@group(0) @binding(0) var<storage, read_write> y : array<f32>;\n\nfn main() {}",
  );
  const stepping = defineKernel({ name: "stepping", source: "", bindings, perRun });
  expect(stepping.code).toContain("@binding(1) var<uniform> step");
});

test("a kernel with more than eight storage bindings is refused", () => {
  const bindings = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, i): [string, Binding] => [
        `b${i}`,
        { use: "in", element: "f32" },
      ]),
    );
  const define = (count: number) => () =>
    defineKernel({ name: "wide", source: "", bindings: bindings(count) });
  expect(define(8)).not.toThrow();
  expect(define(9)).toThrow("kernel wide binds 9 buffers");
});

test("each variant of a kernel is defined once", () => {
  const asked: string[] = [];
  const kernelOf = onePerVariant((size: number, groupSize: number | undefined) => {
    asked.push(`${size} ${String(groupSize)}`);
    return defineKernel({ name: `of ${size}`, source: "", bindings: {} });
  });
  expect(kernelOf(64, undefined)).toBe(kernelOf(64, undefined));
  expect(kernelOf(64, 32)).not.toBe(kernelOf(64, undefined));
  expect(kernelOf(64, 32)).not.toBe(kernelOf(6, 432));
  expect(asked).toEqual(["64 undefined", "64 32", "6 432"]);
});
