// Dropout drawn by counter, the numbers of engine/tfjs/lora-linear.ts: any pass can be drawn again
// from step.seed, its stream and the places of its tokens, so no mask is ever kept, and backward
// draws the same.
import { dispatch, type Dispatch, type Tensor, type View } from "../../gpu/plan.ts";
import { elementwise, gridOver } from "../elementwise.ts";
import { stepScalars } from "../step-scalars.ts";
import source from "./dropout.wgsl?raw";
import threefry from "./threefry.wgsl?raw";

const kernelOf = (name: string, use: "out" | "inout", put: string) =>
  elementwise({
    name,
    source,
    items: "params.quads",
    definitions: `${threefry}\nfn put(quad : u32, value : vec4f) { ${put} }`,
    bindings: {
      streams: { use: "constant", element: "u32" },
      places: { use: "constant", element: "u32" },
      x: { use: "in", element: "vec4f" },
      y: { use, element: "vec4f" },
    },
    params: { quads: "u32", width: "u32", streamIndex: "u32", threshold: "u32", kept: "f32" },
    perRun: stepScalars,
  });

const writing = kernelOf("dropout", "out", "y[quad] = value;");
const adding = kernelOf("dropout-add", "inout", "y[quad] += value;");

export interface DropoutShape {
  /** Tokens of the pass. */
  rows: number;
  /** A multiple of 4. */
  width: number;
  /** Probability of 0; the others are scaled by 1 / (1 - rate). */
  rate: number;
  /** Which of `streams` this layer draws from. */
  streamIndex: number;
}

/** x, y: [rows, width]. */
export interface DropoutTensors {
  /** u32: the streams of all layers. */
  streams: Tensor;
  /** u32 [rows]: where each token is in its micro-batch, padding counted. */
  places: Tensor | View;
  x: Tensor;
  y: Tensor;
}

/** y = mask * x. */
export function dropout(shape: DropoutShape, tensors: DropoutTensors): Dispatch {
  return call(writing, shape, tensors);
}

/** y += scale * mask * x: what flows back through a dropout, added to the gradient of its input. */
export function dropoutAdd(
  shape: DropoutShape & { scale: number },
  tensors: DropoutTensors,
): Dispatch {
  return call(adding, shape, tensors, shape.scale);
}

function call(
  kernel: typeof writing,
  { rows, width, rate, streamIndex }: DropoutShape,
  tensors: DropoutTensors,
  scale = 1,
): Dispatch {
  const quads = (rows * width) / 4;
  const threshold = Math.ceil(rate * 2 ** 24);
  return dispatch(kernel, {
    tensors: { ...tensors },
    params: { quads, width, streamIndex, threshold, kept: scale / (1 - rate) },
    grid: gridOver(quads),
    work: 20 * rows * width,
  });
}
