// Linears that share an input: queries, keys and values, or gate and up; several outputs side by
// side where they are fused (Phi-3).
import type { Tensor } from "../../../gpu/plan.ts";
import { joinColumns, splitColumns, type Parts } from "../../../kernels/columns/kernel.ts";
import type { Columns } from "../../../kernels/matmul/kernel.ts";
import { invariant } from "../../../util/assert.ts";
import type { Recorder } from "../recorder.ts";
import { moduleOf, type Projection } from "./layer-shape.ts";
import {
  adapterInner,
  backwardAdapters,
  backwardInput,
  linearOutput,
  type ReadInput,
} from "./linear.ts";

export interface ProjectionCall {
  layer: number;
  projections: readonly Projection[];
  /** [tokens, hidden] */
  x: Tensor;
}

/** What the projections of x make. */
export interface Projected {
  /** All outputs, each [tokens, width], in order. */
  outputs: Tensor[];
  /** For backward: h of each projection; null without an adapter. */
  inner: (Columns | null)[];
}

export function project(recorder: Recorder, { layer, projections, x }: ProjectionCall): Projected {
  const modules = projections.map(({ path }) => moduleOf(layer, path));
  const inner = adapterInner(recorder, modules, x);
  const outputs = projections.flatMap(({ path, widths }, index) => {
    const y = linearOutput(recorder, { module: moduleOf(layer, path), x }, inner[index] ?? null);
    return widths.length === 1 ? [y] : split(recorder, y, widths);
  });
  return { outputs, inner };
}

function split(recorder: Recorder, y: Tensor, widths: readonly number[]): Tensor[] {
  const parts = widths.map((width) => ({
    tensor: recorder.activation(`${y.label} part`, width),
    width,
  }));
  recorder.push(...splitColumns(recorder.tokens, y, parts));
  return parts.map(({ tensor }) => tensor);
}

export interface ProjectionBackward extends Omit<ProjectionCall, "x"> {
  /** [tokens, hidden] */
  x: ReadInput;
  inner: readonly (Columns | null)[];
  /** Of all outputs, in order. */
  gradients: readonly Tensor[];
  /** [tokens, hidden], written; null when nothing below learns. */
  dx: Tensor | null;
}

/** Adds the adapter gradients of the projections and writes dx, the sum over all of them. */
export function backwardProject(
  recorder: Recorder,
  { layer, projections, x, inner, gradients, dx }: ProjectionBackward,
): void {
  let taken = 0;
  const members = projections.map(({ path, widths }, index) => {
    const module = moduleOf(layer, path);
    const own = gradients.slice(taken, (taken += widths.length));
    return { module, h: inner[index] ?? null, dy: joined(recorder, module, widths, own) };
  });
  const us = backwardAdapters(recorder, { members, x });
  if (dx !== null) {
    backwardInput(recorder, members, us, dx);
  }
}

function joined(
  recorder: Recorder,
  module: string,
  widths: readonly number[],
  gradients: readonly Tensor[],
): Tensor {
  const [only] = gradients;
  invariant(only !== undefined && gradients.length === widths.length, `gradients of ${module}`);
  if (gradients.length === 1) {
    return only;
  }
  const width = widths.reduce((total, own) => total + own, 0);
  const dy = recorder.activation(`${module} gradient`, width);
  const parts: Parts = gradients.map((tensor, i) => ({ tensor, width: widths[i] ?? 0 }));
  recorder.push(...joinColumns(recorder.tokens, dy, parts));
  return dy;
}
