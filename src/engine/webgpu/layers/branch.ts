// The end of a layer's branch, attention or MLP: a linear, a norm where the model has one there,
// and the sum with the residual stream. What backward reads is recorded apart from what only makes
// the sum, because a recomputed layer needs the former alone.
import { scratch, type Tensor } from "../../../gpu/plan.ts";
import type { Columns } from "../../../kernels/matmul/kernel.ts";
import { add } from "../../../kernels/rows/kernel.ts";
import type { Recorder } from "../recorder.ts";
import { moduleOf } from "./layer-shape.ts";
import { adapterInner, linearOutput, type LinearCall } from "./linear.ts";
import { backwardNorm, forwardNorm, streamNorm } from "./norm.ts";

export interface BranchCall {
  layer: number;
  /** The linear, within the layer. */
  path: "self_attn.o_proj" | "mlp.down_proj";
  /** Its input, [tokens, in]. */
  x: Tensor;
  /** The norm behind it; null where the model has none. */
  norm: string | null;
}

/** What backward reads of a branch's end. */
export interface BranchTrace {
  /** h of the linear; null without an adapter. */
  h: Columns | null;
  /** Input and scale of the norm; null without one. */
  norm: { x: Tensor; rstd: Tensor } | null;
}

export interface Branch extends BranchTrace {
  /** Records the sum with the residual: [tokens, hidden]. */
  addTo: (residual: Tensor) => Tensor;
}

/** Records what backward reads: h, and with a norm also the linear and the norm. */
export function recordBranch(recorder: Recorder, call: BranchCall): Branch {
  const { layer, path, x } = call;
  const linear: LinearCall = { module: moduleOf(layer, path), x };
  const [h = null] = adapterInner(recorder, [linear.module], x);
  if (call.norm === null) {
    const addTo = (residual: Tensor) => linearOutput(recorder, { ...linear, residual }, h);
    return { h, norm: null, addTo };
  }
  const output = linearOutput(recorder, linear, h);
  const { y, rstd } = forwardNorm(recorder, streamNorm(recorder, layer, call.norm, output));
  const addTo = (residual: Tensor) => {
    recorder.push(add(recorder.tokens * recorder.config.hiddenSize, { x: residual, y }));
    return y;
  };
  return { h, norm: { x: output, rstd }, addTo };
}

/** Whether `recordBranch` would record anything at all. */
export function hasTrace(recorder: Recorder, { layer, path, norm }: Omit<BranchCall, "x">) {
  return norm !== null || recorder.target(moduleOf(layer, path)) !== undefined;
}

export interface BranchBackward {
  layer: number;
  norm: string | null;
  trace: BranchTrace;
  /** [tokens, hidden]: the gradient of the sum. */
  dx: Tensor;
}

/** The gradient of the linear's output: dx itself, or dx through the norm. */
export function backwardBranch(
  recorder: Recorder,
  { layer, norm, trace, dx }: BranchBackward,
): Tensor {
  if (norm === null || trace.norm === null) {
    return dx;
  }
  const call = streamNorm(recorder, layer, norm, trace.norm.x);
  const gradient = scratch(`layer ${layer} d ${norm} input`, call.rows * call.width);
  const { rstd } = trace.norm;
  backwardNorm(recorder, call, { rstd, dy: dx, dx: gradient, accumulates: false });
  return gradient;
}
