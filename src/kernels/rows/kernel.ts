// Moves rows: gathers the supervised ones for the head and scatters their gradients. Also adds
// tensors, adds a bias and clears.
import { dispatch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { invariant } from "../../util/assert.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import { stepScalars } from "../step-scalars.ts";
import addBiasSource from "./add-bias.wgsl?raw";
import addSource from "./add.wgsl?raw";
import clearSource from "./clear.wgsl?raw";
import gather from "./gather.wgsl?raw";
import scatterAdd from "./scatter-add.wgsl?raw";

const gatherKernel = elementwise({
  name: "gather-rows",
  source: gather,
  items: "params.count * params.quads",
  bindings: {
    rows: { use: "constant", element: "u32" },
    x: { use: "in", element: "vec4f" },
    y: { use: "out", element: "vec4f" },
  },
  params: { first: "u32", count: "u32", quads: "u32" },
  perRun: stepScalars,
});

const scatterKernel = elementwise({
  name: "scatter-add-rows",
  source: scatterAdd,
  items: "params.count * params.quads",
  bindings: {
    rows: { use: "constant", element: "u32" },
    y: { use: "in", element: "vec4f" },
    x: { use: "inout", element: "vec4f" },
  },
  params: { first: "u32", count: "u32", quads: "u32" },
  perRun: stepScalars,
});

const addKernel = elementwise({
  name: "add",
  source: addSource,
  items: "params.quads",
  bindings: {
    x: { use: "in", element: "vec4f" },
    y: { use: "inout", element: "vec4f" },
  },
  params: { quads: "u32" },
});

const addBiasKernel = elementwise({
  name: "add-bias",
  source: addBiasSource,
  items: "params.quads",
  bindings: {
    x: { use: "inout", element: "vec4f" },
    bias: { use: "constant", element: "vec4f" },
  },
  params: { quads: "u32", biasQuads: "u32" },
});

const clearKernel = elementwise({
  name: "clear",
  source: clearSource,
  items: "params.quads",
  bindings: { x: { use: "out", element: "vec4f" } },
  params: { quads: "u32" },
});

export interface RowChunk {
  /** Index of the chunk's first entry in `rows`. */
  first: number;
  /** Entries of the chunk; `rows` names no row from `step.supervisedRows` on. */
  count: number;
  /** A multiple of 4. */
  width: number;
}

/** `rows`: u32 table of distinct rows of x; x: [any, width]; y: [count, width]. */
export interface RowTensors {
  rows: Tensor | View;
  x: Tensor;
  y: Tensor;
}

/**
 * y[r, :] = x[rows[first + r], :], and 0 past the supervised rows. A pass without supervised rows
 * in this chunk skips the dispatch.
 */
export function gatherRows(chunk: RowChunk, tensors: RowTensors): Dispatch {
  return call(gatherKernel, chunk, tensors);
}

/** x[rows[first + r], :] += y[r, :] for the supervised rows. Skipped like `gatherRows`. */
export function scatterAddRows(chunk: RowChunk, tensors: RowTensors): Dispatch {
  return call(scatterKernel, chunk, tensors);
}

function call(kernel: typeof gatherKernel, chunk: RowChunk, tensors: RowTensors): Dispatch {
  const { first, count, width } = chunk;
  const quads = width / 4;
  return dispatch(kernel, {
    tensors: { ...tensors },
    params: { first, count, quads },
    grid: gridOver(count * quads),
    work: count * width,
    skipUpToCount: first,
  });
}

/** y += x. @param elements in each, a multiple of 4 */
export function add(elements: number, tensors: { x: Tensor | View; y: Tensor | View }): Dispatch {
  return dispatch(addKernel, { tensors, ...overQuads(elements) });
}

/** x[row, :] += bias; x: [rows, width], bias: [width]. @param width a multiple of 4 */
export function addBias(
  { rows, width }: { rows: number; width: number },
  tensors: { x: Tensor | View; bias: Tensor | View },
): Dispatch {
  const { params, ...call } = overQuads(rows * width);
  return dispatch(addBiasKernel, {
    tensors,
    ...call,
    params: { ...params, biasQuads: width / 4 },
  });
}

/** x = 0. @param elements in x, a multiple of 4 */
export function clear(elements: number, tensors: { x: Tensor | View }): Dispatch {
  return dispatch(clearKernel, { tensors, ...overQuads(elements) });
}

function overQuads(elements: number) {
  invariant(elements % 4 === 0, `${elements} elements are not whole quads`);
  const quads = elements / 4;
  return {
    params: { quads },
    grid: gridOver(quads),
    work: elements,
  };
}
