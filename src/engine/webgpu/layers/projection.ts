// Linears that share an input: queries, keys and values, or gate and up; several outputs side by
// side where they are fused.
import { scratch, type Dispatch, type Tensor } from "../../../gpu/plan.ts";
import { joinColumns, splitColumns, type Parts } from "../../../kernels/columns/kernel.ts";
import { invariant } from "../../../util/assert.ts";
import type { Projection } from "./layer-shape.ts";
import { backwardLinear, forwardLinear, type ForwardMode, type LinearTrace } from "./linear.ts";
import type { ModelTensors } from "../model-tensors.ts";

/** The linears of one layer. */
export interface LayerLinears {
  model: ModelTensors;
  layer: number;
  tokens: number;
  /** What forward leaves for backward, by module name. */
  traces: Map<string, LinearTrace>;
}

/** y [tokens, width] = the layer's linear (x) (+ residual). */
export function applyLinear(
  { model, layer, tokens, traces }: LayerLinears,
  mode: ForwardMode,
  { path, x, width, residual }: { path: string; x: Tensor; width: number; residual?: Tensor },
  out: Dispatch[],
): Tensor {
  const module = moduleOf(layer, path);
  const y = scratch(module, tokens * width);
  traces.set(module, forwardLinear(model, mode, { module, x, tokens }, y, residual, out));
  return y;
}

/** Adapter gradients of a linear from dy [tokens, out], and dx [tokens, in] unless null. */
export function backLinear(
  { model, layer, tokens, traces }: LayerLinears,
  { path, x, dy, dx }: { path: string; x: Tensor; dy: Tensor; dx: Flow | null },
  out: Dispatch[],
): void {
  const module = moduleOf(layer, path);
  const trace = traces.get(module) ?? { low: null };
  backwardLinear(model, { module, x, tokens }, trace, dy, dx, out);
}

/** Where the gradient of a linear's input goes. */
export interface Flow {
  tensor: Tensor;
  accumulates: boolean;
}

/** All outputs of the projections of x, each [tokens, width], in order. */
export function project(
  linears: LayerLinears,
  mode: ForwardMode,
  projections: readonly Projection[],
  x: Tensor,
  out: Dispatch[],
): Tensor[] {
  return projections.flatMap(({ path, widths }) => {
    const width = sum(widths);
    const y = applyLinear(linears, mode, { path, x, width }, out);
    if (widths.length === 1) {
      return [y];
    }
    const parts = widths.map((own) => ({
      tensor: scratch(`${y.label} part`, linears.tokens * own),
      width: own,
    }));
    out.push(...splitColumns(linears.tokens, y, parts));
    return parts.map(({ tensor }) => tensor);
  });
}

/**
 * Adapter gradients of the projections from those of all their outputs.
 * @param dx [tokens, in], written; null when nothing below learns
 */
export function backProject(
  linears: LayerLinears,
  projections: readonly Projection[],
  { x, gradients, dx }: { x: Tensor; gradients: readonly Tensor[]; dx: Tensor | null },
  out: Dispatch[],
): void {
  let taken = 0;
  projections.forEach(({ path, widths }, index) => {
    const own = gradients.slice(taken, (taken += widths.length));
    const dy = joined(linears, path, widths, own, out);
    const flow = dx && { tensor: dx, accumulates: index > 0 };
    backLinear(linears, { path, x, dy, dx: flow }, out);
  });
}

function joined(
  { layer, tokens }: LayerLinears,
  path: string,
  widths: readonly number[],
  gradients: readonly Tensor[],
  out: Dispatch[],
): Tensor {
  const [only] = gradients;
  invariant(only !== undefined && gradients.length === widths.length, `gradients of ${path}`);
  if (gradients.length === 1) {
    return only;
  }
  const dy = scratch(`${moduleOf(layer, path)} gradient`, tokens * sum(widths));
  const parts: Parts = gradients.map((tensor, i) => ({ tensor, width: widths[i] ?? 0 }));
  out.push(...joinColumns(tokens, dy, parts));
  return dy;
}

function sum(widths: readonly number[]): number {
  return widths.reduce((total, width) => total + width, 0);
}

/** The Hugging Face name of a layer's module. */
export function moduleOf(layer: number, path: string): string {
  return `model.layers.${layer}.${path}`;
}
