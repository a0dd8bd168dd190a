// What a dispatch may be: every name given and no other, a grid that WebGPU takes, views that begin
// where bindings may.
import { describe, expect, test } from "vitest";
import { defineKernel } from "../../../src/gpu/kernel.ts";
import {
  dispatch,
  flatGrid,
  persistent,
  scratch,
  viewOf,
  type DispatchParts,
} from "../../../src/gpu/plan.ts";

const kernel = defineKernel({
  name: "scale",
  source: "",
  bindings: { x: { use: "in", element: "f32" }, y: { use: "out", element: "f32" } },
  params: { count: "u32", factor: "f32" },
});
const [x, y] = [scratch("x", 128), scratch("y", 128)];
const whole: DispatchParts = {
  tensors: { x, y },
  params: { count: 128, factor: 0.5 },
  grid: [2, 1, 1],
  work: 128,
};
const call = (parts: Partial<DispatchParts>) => () => dispatch(kernel, { ...whole, ...parts });

describe("a dispatch", () => {
  test("a dispatch has views and params in the kernel's order, whatever the order given", () => {
    const { views, params } = dispatch(kernel, {
      ...whole,
      tensors: { y, x: viewOf(x, 64, 64) },
      params: { factor: 0.5, count: 128 },
    });
    expect(views).toEqual([
      { tensor: x, offsetBytes: 256, sizeBytes: 256 },
      { tensor: y, offsetBytes: 0, sizeBytes: 512 },
    ]);
    expect(params).toEqual([128, 0.5]);
  });

  test("a dispatch is never skipped unless it names the counts that skip it", () => {
    expect(dispatch(kernel, whole).skipUpToCount).toBe(-1);
    expect(dispatch(kernel, { ...whole, skipUpToCount: 8 }).skipUpToCount).toBe(8);
  });

  test.each([
    ["a missing tensor", { tensors: { x } }, "tensors missing [y], unknown []"],
    ["an unknown tensor", { tensors: { x, y, z: y } }, "tensors missing [], unknown [z]"],
    ["a misspelt tensor", { tensors: { x, Y: y } }, "tensors missing [y], unknown [Y]"],
    ["a missing param", { params: { count: 1 } }, "params missing [factor], unknown []"],
    ["no params", { params: {} }, "params missing [count,factor], unknown []"],
    [
      "an unknown param",
      { params: { count: 1, factor: 1, rows: 1 } },
      "params missing [], unknown [rows]",
    ],
    ["an inherited name", { params: { count: 1, toString: 1 } }, "missing [factor]"],
    ["an empty grid", { grid: [0, 1, 1] as const }, "a grid of 0 x 1 x 1"],
    ["half a workgroup", { grid: [1, 1.5, 1] as const }, "a grid of 1 x 1.5 x 1"],
    ["too large a grid", { grid: [1, 1, 65536] as const }, "a grid of 1 x 1 x 65536"],
  ])("a dispatch with %s is refused", (_, parts, message) => {
    expect(call(parts)).toThrow(`kernel scale: `);
    expect(call(parts)).toThrow(message);
  });

  test("a dispatch accepts the largest grid", () => {
    expect(call({ grid: [65535, 65535, 65535] })).not.toThrow();
  });
});

describe("a view", () => {
  test("a view begins at a multiple of 256 bytes and ends within its tensor", () => {
    expect(viewOf(x, 64, 64)).toEqual({ tensor: x, offsetBytes: 256, sizeBytes: 256 });
    expect(() => viewOf(x, 32, 64)).toThrow("x: a view at byte 128");
    expect(() => viewOf(x, 64, 65)).toThrow("x: a view of 260 bytes at 256 in 512");
  });
});

test("a tensor has a size above zero, in an arena or in its own buffer", () => {
  expect(scratch("s", 3)).toEqual({ label: "s", sizeBytes: 12, home: "arena" });
  expect(persistent("p", 3)).toEqual({ label: "p", sizeBytes: 12, home: "buffer" });
  expect(() => scratch("s", 0)).toThrow("tensor s has 0 bytes");
});

test.each([1, 65535, 65536, 131070, 131071, 1_000_000])(
  "a flat grid for %i workgroups has a place for all and no spare row",
  (groups) => {
    const [width, height, depth] = flatGrid(groups);
    expect(width * height).toBeGreaterThanOrEqual(groups);
    expect(width * (height - 1)).toBeLessThan(groups);
    expect(Math.max(width, height)).toBeLessThanOrEqual(65535);
    expect(depth).toBe(1);
  },
);
