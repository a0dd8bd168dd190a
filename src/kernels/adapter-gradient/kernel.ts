// Gradients of the LoRA matrices, added to the flat gradient buffer: dA = s u^T x with u = dy B, and dB = s dy^T h with h = x A^T.
import { defineKernel, type Kernel } from "../../gpu/kernel.ts";
import { dispatch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import source from "./gradient.wgsl?raw";

const constants = { COLUMNS: 8, SLICES: 8 };

/** A [rank, in] lies as narrow by wide. */
const straight = `fn add_to_gradient(sum : mat4x4f, narrow_quad : u32, wide_quad : u32) {
  let at = 4u * narrow_quad * params.wideQuads + wide_quad;
  gradient[at] += sum[0];
  gradient[at + params.wideQuads] += sum[1];
  gradient[at + 2u * params.wideQuads] += sum[2];
  gradient[at + 3u * params.wideQuads] += sum[3];
}`;

/** B [out, rank] lies the other way about. */
const transposed = `fn add_to_gradient(sum : mat4x4f, narrow_quad : u32, wide_quad : u32) {
  let turned = transpose(sum);
  let at = 4u * wide_quad * params.narrowQuads + narrow_quad;
  gradient[at] += turned[0];
  gradient[at + params.narrowQuads] += turned[1];
  gradient[at + 2u * params.narrowQuads] += turned[2];
  gradient[at + 3u * params.narrowQuads] += turned[3];
}`;

function define(name: string, definitions: string): Kernel {
  return defineKernel({
    name,
    source,
    definitions,
    constants,
    bindings: {
      narrow: { use: "in", element: "vec4f" },
      wide: { use: "in", element: "vec4f" },
      gradient: { use: "inout", element: "vec4f" },
    },
    params: { tokens: "u32", narrowQuads: "u32", wideQuads: "u32", scaling: "f32" },
  });
}

const ofA = define("lora-A-gradient", straight);
const ofB = define("lora-B-gradient", transposed);

export interface AdapterGradientShape {
  tokens: number;
  /** A multiple of 4. */
  rank: number;
  /** Features of the wide operand: in for A, out for B. */
  width: number;
  scaling: number;
}

/** gradient [rank, in] += scaling * up^T x. @param up [tokens, rank], the adapter's output gradient times B */
export function gradientOfA(
  shape: AdapterGradientShape,
  { up, x, gradient }: { up: Tensor; x: Tensor; gradient: View },
): Dispatch {
  return gradientOf(ofA, shape, { narrow: up, wide: x, gradient });
}

/** gradient [out, rank] += scaling * dy^T low. @param low [tokens, rank], the adapter's input times A^T */
export function gradientOfB(
  shape: AdapterGradientShape,
  { low, dy, gradient }: { low: Tensor; dy: Tensor; gradient: View },
): Dispatch {
  return gradientOf(ofB, shape, { narrow: low, wide: dy, gradient });
}

function gradientOf(
  kernel: Kernel,
  { tokens, rank, width, scaling }: AdapterGradientShape,
  tensors: { narrow: Tensor; wide: Tensor; gradient: View },
): Dispatch {
  const wideQuads = width / 4;
  return dispatch(kernel, {
    tensors,
    params: { tokens, narrowQuads: rank / 4, wideQuads, scaling },
    grid: [Math.ceil(wideQuads / constants.COLUMNS), Math.ceil(rank / 8), 1],
    work: tokens * rank * width,
  });
}
