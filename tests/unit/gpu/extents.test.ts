// Extents of programs by hand, and what a shorter program may not differ in.
import { expect, test } from "vitest";
import { extentsOf, shortened } from "../../../src/gpu/extents.ts";
import { defineKernel } from "../../../src/gpu/kernel.ts";
import { dispatch, persistent, type Program } from "../../../src/gpu/plan.ts";

const kernel = (name: string) =>
  defineKernel({
    name,
    source: "",
    bindings: { x: { use: "inout", element: "f32" } },
    params: { rows: "u32", scale: "f32" },
  });
const [scale, other] = [kernel("scale"), kernel("other")];
const x = persistent("x", 4);

const call = (of: typeof scale, rows: number, factor: number, skipUpToCount = -1) =>
  dispatch(of, {
    tensors: { x },
    params: { rows, scale: factor },
    grid: [Math.ceil(rows / 8), 1, 1],
    work: 4 * rows,
    skipUpToCount,
  });
const program = (...dispatches: Program["dispatches"]): Program => ({
  name: "made-up",
  dispatches,
});

test("dispatches of one kernel with equal params, grid and condition share an extent", () => {
  const { indexes, distinct } = extentsOf(
    program(
      call(scale, 8, 1),
      call(scale, 8, 1),
      call(other, 8, 1),
      call(scale, 16, 1),
      call(scale, 8, 2),
      call(scale, 8, 1, 8),
      call(scale, 8, 1),
    ),
  );
  expect(indexes).toEqual([0, 0, 1, 2, 3, 4, 0]);
  expect(distinct.map(({ params, grid, work }) => [...params, ...grid, work])).toEqual([
    [8, 1, 1, 1, 1, 32],
    [8, 1, 1, 1, 1, 32],
    [16, 1, 2, 1, 1, 64],
    [8, 2, 1, 1, 1, 32],
    [8, 1, 1, 1, 1, 32],
  ]);
});

test("a shorter program gives each extent its own params, grid and work", () => {
  const long = program(call(scale, 64, 1), call(other, 64, 1), call(scale, 64, 1));
  const short = program(call(scale, 24, 1), call(other, 8, 1), call(scale, 24, 1));
  expect(
    shortened(long, short).map(({ params, grid, work }) => [params[0], grid[0], work]),
  ).toEqual([
    [24, 3, 96],
    [8, 1, 32],
  ]);
});

test("a program as long as itself has its own extents", () => {
  const long = program(call(scale, 64, 1), call(other, 64, 1));
  expect(shortened(long, long)).toEqual(extentsOf(long).distinct);
});

test.each([
  ["fewer dispatches", program(call(scale, 8, 1)), /a shorter made-up is another program/],
  ["another kernel", program(call(scale, 8, 1), call(other, 8, 1)), /dispatch 1 of a shorter/],
  [
    "two extents for one",
    program(call(scale, 8, 1), call(scale, 16, 1)),
    /two extents for dispatch 1/,
  ],
])("a shorter program with %s is refused", (_, shorter, message) => {
  const long = program(call(scale, 64, 1), call(scale, 64, 1));
  expect(() => shortened(long, shorter)).toThrow(message);
});
