// Gradients of the LoRA matrices, added to the flat gradient buffer: dA = s u^T x with u = dy B,
// and dB = s dy^T h with h = x A^T.
//
// The result [rank, width] is small and the sum over tokens long: one thread per 8 x 4 outputs
// would leave a GPU idle. So slices of the tokens are summed in parallel into `partials`, and
// reduce.wgsl adds the slices in their order. Order and slices depend on the shape alone, so equal
// inputs give equal bits, which atomic adds would not; tokens of zeros at the end change none.
import { defineKernel, type Kernel } from "../../gpu/kernel.ts";
import { dispatch, scratch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import source from "./gradient.wgsl?raw";
import reduceSource from "./reduce.wgsl?raw";

/** Threads of a workgroup, across columns. */
const columns = 32;
/** Tokens of a slice: with fewer, the second pass costs more than the added threads gain. */
const sliceTokens = 256;

/** A [rank, in] lies as narrow by wide. */
const straight = (target: string, operator: string, start: string) => `
fn put_sum(sum : mat4x4f, narrow_quad : u32, wide_quad : u32, slice : u32) {
  let at = ${start} + 4u * narrow_quad * params.wideQuads + wide_quad;
  ${target}[at] ${operator} sum[0];
  ${target}[at + params.wideQuads] ${operator} sum[1];
  ${target}[at + 2u * params.wideQuads] ${operator} sum[2];
  ${target}[at + 3u * params.wideQuads] ${operator} sum[3];
}`;

/** B [out, rank] lies the other way about. */
const transposed = (target: string, operator: string, start: string) => `
fn put_sum(sum : mat4x4f, narrow_quad : u32, wide_quad : u32, slice : u32) {
  let columns = transpose(sum);
  let at = ${start} + 4u * wide_quad * params.narrowQuads + narrow_quad;
  ${target}[at] ${operator} columns[0];
  ${target}[at + params.narrowQuads] ${operator} columns[1];
  ${target}[at + 2u * params.narrowQuads] ${operator} columns[2];
  ${target}[at + 3u * params.narrowQuads] ${operator} columns[3];
}`;

interface GradientKernels {
  /** One slice: straight into the gradient. */
  whole: Kernel;
  /** Several: into `partials`. */
  sliced: Kernel;
}

function define(name: string, put: typeof straight): GradientKernels {
  const kernelOf = (target: "gradient" | "partials", definitions: string) =>
    defineKernel({
      name,
      source,
      definitions,
      constants: { COLUMNS: columns },
      bindings: {
        narrow: { use: "in", element: "vec4f" },
        wide: { use: "in", element: "vec4f" },
        [target]: { use: target === "gradient" ? "inout" : "out", element: "vec4f" },
      },
      params: {
        tokens: "u32",
        sliceTokens: "u32",
        narrowQuads: "u32",
        wideQuads: "u32",
        scaling: "f32",
      },
    });
  const sliceStart = "slice * 4u * params.narrowQuads * params.wideQuads";
  return {
    whole: kernelOf("gradient", put("gradient", "+=", "0u")),
    sliced: kernelOf("partials", put("partials", "=", sliceStart)),
  };
}

const ofA = define("lora-A-gradient", straight);
const ofB = define("lora-B-gradient", transposed);

const reduceKernel = elementwise({
  name: "lora-gradient-reduce",
  source: reduceSource,
  items: "params.quads",
  bindings: {
    partials: { use: "in", element: "vec4f" },
    gradient: { use: "inout", element: "vec4f" },
  },
  params: { slices: "u32", quads: "u32" },
});

export interface AdapterGradientShape {
  tokens: number;
  /** Of the longest pass, which alone decides whether there are slices; `tokens` if left out. */
  mostTokens?: number;
  /** A multiple of 4. */
  rank: number;
  /** Features of the wide operand: in for A, out for B. */
  width: number;
  scaling: number;
}

/** gradient [rank, in] += scaling * u^T x. @param u [tokens, rank], dy B */
export function gradientOfA(
  shape: AdapterGradientShape,
  { u, x, gradient }: { u: Tensor; x: Tensor; gradient: View },
): Dispatch[] {
  return gradientOf(ofA, shape, u, x, gradient);
}

/** gradient [out, rank] += scaling * dy^T h. @param h [tokens, rank], x A^T */
export function gradientOfB(
  shape: AdapterGradientShape,
  { h, dy, gradient }: { h: Tensor; dy: Tensor; gradient: View },
): Dispatch[] {
  return gradientOf(ofB, shape, h, dy, gradient);
}

function gradientOf(
  kernels: GradientKernels,
  { tokens, mostTokens = tokens, rank, width, scaling }: AdapterGradientShape,
  narrow: Tensor,
  wide: Tensor,
  gradient: View,
): Dispatch[] {
  const slices = Math.ceil(tokens / sliceTokens);
  const wideQuads = width / 4;
  const call = {
    params: { tokens, sliceTokens, narrowQuads: rank / 4, wideQuads, scaling },
    grid: [Math.ceil(wideQuads / columns), Math.ceil(rank / 8), slices] as const,
    work: tokens * rank * width,
  };
  if (mostTokens <= sliceTokens) {
    return [dispatch(kernels.whole, { tensors: { narrow, wide, gradient }, ...call })];
  }
  const partials = scratch(`${gradient.tensor.label} partials`, slices * rank * width);
  const quads = (rank * width) / 4;
  return [
    dispatch(kernels.sliced, { tensors: { narrow, wide, partials }, ...call }),
    dispatch(reduceKernel, {
      tensors: { partials, gradient },
      params: { slices, quads },
      grid: gridOver(quads),
      work: slices * rank * width,
    }),
  ];
}
