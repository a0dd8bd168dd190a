// One linear layer with its adapter: y = x W^T + b + s B A drop(x), and what flows back.
import { scratch, viewOf, type Dispatch, type Tensor, type View } from "../../../gpu/plan.ts";
import { gradientOfA, gradientOfB } from "../../../kernels/adapter-gradient/kernel.ts";
import { dropout, dropoutAdd } from "../../../kernels/dropout/kernel.ts";
import {
  linear,
  linearBackward,
  type Matrix,
  type MatmulParts,
} from "../../../kernels/matmul/kernel.ts";
import { matvec, maxMatvecRows } from "../../../kernels/matvec/kernel.ts";
import { addBias } from "../../../kernels/rows/kernel.ts";
import type { PlacedTarget } from "../adapter-layout.ts";
import { vectorOf, weightOf, type ModelTensors } from "../model-tensors.ts";

export interface LinearCall {
  /** e.g. `model.layers.0.self_attn.q_proj` */
  module: string;
  /** [tokens, in] */
  x: Tensor;
  tokens: number;
}

/** What a forward call leaves for backward. */
export interface LinearTrace {
  /** [tokens, rank]: drop(x) A^T; null without an adapter. */
  low: Tensor | null;
}

export interface ForwardMode {
  hasAdapter: boolean;
  hasDropout: boolean;
}

/**
 * Writes y [tokens, out] = layer(x) (+ bias) (+ residual). A bias is frozen, so backward knows
 * nothing of it.
 */
export function forwardLinear(
  model: ModelTensors,
  mode: ForwardMode,
  { module, x, tokens }: LinearCall,
  y: Tensor,
  residual: Tensor | undefined,
  out: Dispatch[],
): LinearTrace {
  const weight = weightOf(model, `${module}.weight`);
  const target = mode.hasAdapter ? model.adapter.targets.get(module) : undefined;
  const added = residual === undefined ? {} : { residual };
  let low: Tensor | null = null;
  if (target === undefined) {
    out.push(product(model, tokens, { x, weight, y, ...added }));
  } else {
    const { rank, scaling } = model.adapter;
    low = scratch(`${module} low`, tokens * rank);
    const input = mode.hasDropout ? dropped(model, target, x, tokens, out) : x;
    const lora = { low, matrix: target.b, rank, scaling };
    out.push(
      product(model, tokens, { x: input, weight: matrixA(model, target), y: low }),
      product(model, tokens, { x, weight, y, lora, ...added }),
    );
  }
  const bias = `${module}.bias`;
  if (model.weights.has(bias)) {
    const shape = { rows: tokens, width: weight.rows };
    out.push(addBias(shape, { x: y, bias: vectorOf(model, bias) }));
  }
  return { low };
}

/** Forward product with the kernel for so many rows and columns. */
export function product({ tiles }: ModelTensors, rows: number, parts: MatmulParts): Dispatch {
  if (rows <= maxMatvecRows) {
    return matvec(rows, parts);
  }
  return linear(rows, { ...parts, tile: parts.weight.rows <= 64 ? "narrow" : tiles.wide });
}

/**
 * Adds the gradients of A and B, and writes dx [tokens, in], or adds to it.
 * @param dx null when nothing below learns
 */
export function backwardLinear(
  model: ModelTensors,
  { module, x, tokens }: LinearCall,
  { low }: LinearTrace,
  dy: Tensor,
  dx: { tensor: Tensor; accumulates: boolean } | null,
  out: Dispatch[],
): void {
  const { rank, scaling, targets } = model.adapter;
  const target = targets.get(module);
  const hasDropout = model.dropoutRate > 0;
  let up: Tensor | null = null;
  if (target !== undefined && low !== null) {
    up = scratch(`${module} up`, tokens * rank);
    const input = hasDropout ? dropped(model, target, x, tokens, out) : x;
    const shape = { tokens, rank, scaling };
    out.push(
      linearBackward(tokens, { x: dy, weight: matrixB(model, target), y: up, tile: "narrow" }),
      ...gradientOfB(
        { ...shape, width: target.outFeatures },
        { low, dy, gradient: target.gradientB },
      ),
      ...gradientOfA(
        { ...shape, width: target.inFeatures },
        { up, x: input, gradient: target.gradientA },
      ),
    );
  }
  if (dx === null) {
    return;
  }
  const weight = weightOf(model, `${module}.weight`);
  const isFused = target !== undefined && up !== null && !hasDropout;
  out.push(
    linearBackward(tokens, {
      x: dy,
      weight,
      y: dx.tensor,
      ...(isFused && { lora: { low: up as Tensor, matrix: target.a, rank, scaling } }),
      ...(dx.accumulates && { residual: dx.tensor }),
      tile: model.tiles.wideBackward,
    }),
  );
  if (target !== undefined && up !== null && hasDropout) {
    backThroughDropout(model, target, up, tokens, dx.tensor, out);
  }
}

/** dx += mask * (s up A): the mask lies between x and A, so it cannot join the product's sum. */
function backThroughDropout(
  model: ModelTensors,
  target: PlacedTarget,
  up: Tensor,
  tokens: number,
  dx: Tensor,
  out: Dispatch[],
): void {
  const { inFeatures: width, index } = target;
  const flow = scratch(`${target.module} flow`, tokens * width);
  out.push(
    linearBackward(tokens, { x: up, weight: matrixA(model, target), y: flow }),
    dropoutAdd(
      {
        rows: tokens,
        width,
        rate: model.dropoutRate,
        streamIndex: index,
        scale: model.adapter.scaling,
      },
      { streams: model.streams, x: flow, y: dx },
    ),
  );
}

function dropped(
  { dropoutRate: rate, streams }: ModelTensors,
  { module, inFeatures: width, index }: PlacedTarget,
  x: Tensor,
  tokens: number,
  out: Dispatch[],
): Tensor {
  const y = scratch(`${module} dropped`, tokens * width);
  out.push(dropout({ rows: tokens, width, rate, streamIndex: index }, { streams, x, y }));
  return y;
}

/** A [rank, in] as the right-hand side of a product. */
function matrixA({ adapter }: ModelTensors, { a, inFeatures }: PlacedTarget): Matrix {
  return asMatrix(a, adapter.rank, inFeatures);
}

/** B [out, rank]. */
function matrixB({ adapter }: ModelTensors, { b, outFeatures }: PlacedTarget): Matrix {
  return asMatrix(b, outFeatures, adapter.rank);
}

function asMatrix(view: View, rows: number, cols: number): Matrix {
  const weight = viewOf(view.tensor, view.offsetBytes / 4, rows * cols);
  return { format: "f32", rows, cols, tensors: { weight } };
}
