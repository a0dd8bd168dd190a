// RMSNorm with a frozen weight (Zhang and Sennrich 2019, arXiv:1910.07467), forward and backward.
import { scratch, type Tensor } from "../../../gpu/plan.ts";
import { rmsNorm, rmsNormBackward, rmsNormBackwardAdd } from "../../../kernels/rms-norm/kernel.ts";
import type { Recorder } from "../recorder.ts";
import { moduleOf } from "./layer-shape.ts";

export interface NormCall {
  /** Without `.weight`, e.g. `model.layers.0.input_layernorm`. */
  name: string;
  /** [rows, width], normed row by row. */
  x: Tensor;
  rows: number;
  width: number;
}

/** A norm over the width of the residual stream. @param norm within the layer */
export function streamNorm(recorder: Recorder, layer: number, norm: string, x: Tensor): NormCall {
  const { tokens, config } = recorder;
  return { name: moduleOf(layer, norm), x, rows: tokens, width: config.hiddenSize };
}

/** y [rows, width] = (offset + w) * x * rstd, and rstd [rows], which backward needs. */
export function forwardNorm(
  recorder: Recorder,
  { name, x, rows, width }: NormCall,
): { y: Tensor; rstd: Tensor } {
  const { normOffset: offset, rmsNormEps: epsilon } = recorder.config;
  const y = scratch(`${name} output`, rows * width);
  const rstd = scratch(`${name} scale`, rows);
  const weight = recorder.vector(`${name}.weight`);
  recorder.push(rmsNorm({ rows, width, offset, epsilon }, { x, weight, y, rstd }));
  return { y, rstd };
}

/** What a norm's output is made of, once its scale is known. */
export function normParts(recorder: Recorder, { name, x }: NormCall, rstd: Tensor) {
  const offset = recorder.config.normOffset;
  return { x, weight: recorder.vector(`${name}.weight`), rstd, offset };
}

export interface NormGradient {
  rstd: Tensor;
  dy: Tensor;
  /** [rows, width] */
  dx: Tensor;
  /** Whether dx is added to: to the gradient of the residual around the norm. */
  accumulates: boolean;
}

/** Writes dx, or adds to it. The norm's weight is frozen. */
export function backwardNorm(
  recorder: Recorder,
  { name, x, rows, width }: NormCall,
  { accumulates, ...gradient }: NormGradient,
): void {
  const shape = { rows, width, offset: recorder.config.normOffset };
  const tensors = { x, weight: recorder.vector(`${name}.weight`), ...gradient };
  recorder.push((accumulates ? rmsNormBackwardAdd : rmsNormBackward)(shape, tensors));
}
