// One linear layer with its adapter: y = x W^T + b + s h B^T with h = drop(x) A^T (LoRA, Hu et al.
// 2021, arXiv:2106.09685), and its gradients.
import { viewOf, type Dispatch, type Tensor, type View } from "../../../gpu/plan.ts";
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
import type { ModelTensors } from "../model-tensors.ts";
import type { Recorder } from "../recorder.ts";

export interface LinearCall {
  /** e.g. `model.layers.0.self_attn.q_proj` */
  module: string;
  /** [tokens, in] */
  x: Tensor;
  /** [tokens, out]: added to the output. */
  residual?: Tensor;
}

/** Records h and y: see `adapterInner` and `linearOutput`. */
export function forwardLinear(
  recorder: Recorder,
  call: LinearCall,
): { y: Tensor; h: Tensor | null } {
  const h = adapterInner(recorder, call);
  return { y: linearOutput(recorder, call, h), h };
}

/** h [tokens, rank] = drop(x) A^T, which backward reads; null without an adapter. */
export function adapterInner(recorder: Recorder, { module, x }: LinearCall): Tensor | null {
  const target = recorder.target(module);
  if (target === undefined) {
    return null;
  }
  const { model, tokens } = recorder;
  const h = recorder.activation(`${module} h`, model.adapter.rank);
  const input = recorder.hasDropout ? dropped(recorder, target, x) : x;
  recorder.push(product(model, tokens, { x: input, weight: matrixA(model, target), y: h }));
  return h;
}

/**
 * y [tokens, out] = x W^T (+ b) (+ s h B^T) (+ residual).
 * Bias and residual have no part in backward: one is frozen, the other's gradient is dy itself.
 */
export function linearOutput(
  recorder: Recorder,
  { module, x, residual }: LinearCall,
  h: Tensor | null,
): Tensor {
  const { model, tokens } = recorder;
  const { rank, scaling } = model.adapter;
  const weight = recorder.weight(`${module}.weight`);
  const y = recorder.activation(module, weight.rows);
  const target = recorder.target(module);
  const hasAdapter = target !== undefined && h !== null;
  recorder.push(
    product(model, tokens, {
      x,
      weight,
      y,
      ...(hasAdapter && { lora: { h, matrix: target.b, rank, scaling } }),
      ...(residual !== undefined && { residual }),
    }),
  );
  const bias = `${module}.bias`;
  if (model.weights.has(bias)) {
    const shape = { rows: tokens, width: weight.rows };
    recorder.push(addBias(shape, { x: y, bias: recorder.vector(bias) }));
  }
  return y;
}

/** x W^T with the kernel for this many rows and columns. */
export function product({ tiles }: ModelTensors, rows: number, parts: MatmulParts): Dispatch {
  if (rows <= maxMatvecRows) {
    return matvec(rows, parts);
  }
  return linear(rows, { ...parts, tile: parts.weight.rows <= 64 ? "narrow" : tiles.wide });
}

/** Where the gradient of a linear's input goes: written to a tensor, or added to it. */
export interface InputGradient {
  tensor: Tensor;
  accumulates: boolean;
}

export interface LinearBackward extends Omit<LinearCall, "residual"> {
  /** Of the forward call. */
  h: Tensor | null;
  /** [tokens, out] */
  dy: Tensor;
  /** [tokens, in]; null when nothing below learns. */
  dx: InputGradient | null;
}

/**
 * Adds the gradients of A and B, and writes dx or adds to it. With u = dy B [tokens, rank]:
 * dB += s dy^T h, dA += s u^T drop(x), dx = dy W + mask * (s u A).
 */
export function backwardLinear(recorder: Recorder, call: LinearBackward): void {
  const target = recorder.target(call.module);
  const adapter = target && call.h ? { target, h: call.h } : null;
  const u = adapter && backwardAdapter(recorder, call, adapter);
  const { dx, module } = call;
  if (dx === null) {
    return;
  }
  const { model, tokens } = recorder;
  const { rank, scaling } = model.adapter;
  // The mask is between x and A: with dropout, s u A cannot join the sum of dy W.
  const isFused = u !== null && !recorder.hasDropout;
  recorder.push(
    linearBackward(tokens, {
      x: call.dy,
      weight: recorder.weight(`${module}.weight`),
      y: dx.tensor,
      ...(isFused && target && { lora: { u, matrix: target.a, rank, scaling } }),
      ...(dx.accumulates && { residual: dx.tensor }),
      tile: model.tiles.wideBackward,
    }),
  );
  if (u !== null && target !== undefined && !isFused) {
    backwardDropout(recorder, target, u, dx.tensor);
  }
}

/** Adds the gradients of A and B. @returns u */
function backwardAdapter(
  recorder: Recorder,
  { module, x, dy }: LinearBackward,
  { target, h }: { target: PlacedTarget; h: Tensor },
): Tensor {
  const { model, tokens } = recorder;
  const { rank, scaling } = model.adapter;
  const u = recorder.activation(`${module} u`, rank);
  const input = recorder.hasDropout ? dropped(recorder, target, x) : x;
  const shape = { tokens, mostTokens: recorder.mostTokens, rank, scaling };
  const [ofA, ofB] = [target.gradientA, target.gradientB];
  recorder.push(
    linearBackward(tokens, { x: dy, weight: matrixB(model, target), y: u, tile: "narrow" }),
    ...gradientOfB({ ...shape, width: target.outFeatures }, { h, dy, gradient: ofB }),
    ...gradientOfA({ ...shape, width: target.inFeatures }, { u, x: input, gradient: ofA }),
  );
  return u;
}

/** dx += mask * (s u A), by the same draws as forward. */
function backwardDropout(recorder: Recorder, target: PlacedTarget, u: Tensor, dx: Tensor): void {
  const { model, tables, tokens } = recorder;
  const { inFeatures: width, index: streamIndex } = target;
  const flow = recorder.activation(`${target.module} u A`, width);
  const shape = { rows: tokens, width, rate: model.dropoutRate, streamIndex };
  recorder.push(
    linearBackward(tokens, { x: u, weight: matrixA(model, target), y: flow }),
    dropoutAdd(
      { ...shape, scale: model.adapter.scaling },
      { streams: model.streams, places: tables.view("places"), x: flow, y: dx },
    ),
  );
}

/** drop(x), recorded in forward and again in backward: the mask is drawn by counter, not kept. */
function dropped(
  recorder: Recorder,
  { module, inFeatures: width, index: streamIndex }: PlacedTarget,
  x: Tensor,
): Tensor {
  const { dropoutRate: rate, streams } = recorder.model;
  const places = recorder.tables.view("places");
  const y = recorder.activation(`${module} dropped`, width);
  const shape = { rows: recorder.tokens, width, rate, streamIndex };
  recorder.push(dropout(shape, { streams, places, x, y }));
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
