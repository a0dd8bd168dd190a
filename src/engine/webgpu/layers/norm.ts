// RMSNorm with a frozen weight by its name, forward and back.
import { scratch, type Dispatch, type Tensor } from "../../../gpu/plan.ts";
import { rmsNorm, rmsNormBackward, rmsNormBackwardAdd } from "../../../kernels/rms-norm/kernel.ts";
import { vectorOf, type ModelTensors } from "../model-tensors.ts";

export interface NormCall {
  /** Without `.weight`, e.g. `model.layers.0.input_layernorm`. */
  name: string;
  /** [rows, width], normed row by row. */
  x: Tensor;
  rows: number;
  width: number;
}

/** Writes y [rows, width], and the scale of each row, which backward needs. */
export function forwardNorm(
  model: ModelTensors,
  { name, x, rows, width }: NormCall,
  out: Dispatch[],
): { y: Tensor; rstd: Tensor } {
  const { normOffset: offset, rmsNormEps: epsilon } = model.config;
  const y = scratch(`${name} output`, rows * width);
  const rstd = scratch(`${name} scale`, rows);
  const weight = vectorOf(model, `${name}.weight`);
  out.push(rmsNorm({ rows, width, offset, epsilon }, { x, weight, y, rstd }));
  return { y, rstd };
}

/** From dy to dx [rows, width]: written, or added to what flows past the norm. */
export function backwardNorm(
  model: ModelTensors,
  { name, x, rows, width }: NormCall,
  { rstd, dy, dx, accumulates }: { rstd: Tensor; dy: Tensor; dx: Tensor; accumulates: boolean },
  out: Dispatch[],
): void {
  const shape = { rows, width, offset: model.config.normOffset };
  const tensors = { x, weight: vectorOf(model, `${name}.weight`), rstd, dy, dx };
  out.push((accumulates ? rmsNormBackwardAdd : rmsNormBackward)(shape, tensors));
}
