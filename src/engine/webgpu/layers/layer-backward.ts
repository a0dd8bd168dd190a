// One decoder layer backward: adapter gradients, and the gradient of the residual stream, in place
// from top to bottom.
import { scratch, type Dispatch, type Tensor } from "../../../gpu/plan.ts";
import { attentionBackward } from "../../../kernels/attention/kernel.ts";
import { gatedMlpBackward } from "../../../kernels/gated-mlp/kernel.ts";
import type { BatchTables } from "../batch-tables.ts";
import { backThroughHeads, prepareHeads } from "./heads.ts";
import { activation, normedInput, type BranchNorm, type LayerTrace } from "./layer-forward.ts";
import {
  attentionShape,
  gateProjections,
  headProjections,
  isSliding,
  normsOf,
  widthsOf,
} from "./layer-shape.ts";
import type { ModelTensors } from "../model-tensors.ts";
import { backwardNorm } from "./norm.ts";
import { backLinear, backProject, moduleOf } from "./projection.ts";

export interface LayerBackward {
  model: ModelTensors;
  tables: BatchTables;
  layer: number;
  trace: LayerTrace;
  /** [tokens, hidden]: gradient of the layer's output; becomes that of its input. */
  dx: Tensor;
  /** Whether anything below the layer learns; if not, dx is left unfinished. */
  needsInput: boolean;
}

export function backwardLayer(call: LayerBackward, out: Dispatch[]): void {
  const { model, layer, needsInput } = call;
  const learns = (path: string) => model.adapter.targets.has(moduleOf(layer, path));
  const needsHeads = needsInput || headProjections(model.config).some(({ path }) => learns(path));
  const needsAttention = needsHeads || learns("self_attn.o_proj");
  backwardMlp(call, needsAttention, out);
  if (needsAttention) {
    backwardAttention(call, needsHeads, out);
  }
}

/** @param needsInput whether dx is to become the gradient of `middle` */
function backwardMlp(call: LayerBackward, needsInput: boolean, out: Dispatch[]): void {
  const { model, tables, layer, trace } = call;
  const { intermediateSize: width, activation: gateFunction } = model.config;
  const { linears, gate, up, middle, rstd2 } = trace;
  const { beforeMlp, afterMlp } = normsOf(model.config);
  const dAct = scratch(`layer ${layer} d activation`, tables.tokens * width);
  const dBranch = gradientOfBranch(call, afterMlp, trace.afterMlp, out);
  const act = activation(linears, trace, out);
  const flow = { tensor: dAct, accumulates: false };
  backLinear(linears, { path: "mlp.down_proj", x: act, dy: dBranch, dx: flow }, out);
  out.push(gatedMlpBackward(gateFunction, { rows: tables.tokens, width }, { dAct, gate, up }));
  const input = { norm: beforeMlp, x: middle, rstd: rstd2 };
  backwardInput(call, gateProjections(model.config), input, [gate, up], needsInput, out);
}

/** @param needsHeads whether the gradient goes on past the output projection */
function backwardAttention(call: LayerBackward, needsHeads: boolean, out: Dispatch[]): void {
  const { model, tables, layer, trace, needsInput } = call;
  const { config } = model;
  const { beforeAttention, afterAttention } = normsOf(config);
  const { linears, attended: x, input, rstd1 } = trace;
  const dAttended = scratch(
    `layer ${layer} d attended`,
    tables.tokens * widthsOf(config).queryWidth,
  );
  const dy = gradientOfBranch(call, afterAttention, trace.afterAttention, out);
  const dx = needsHeads ? { tensor: dAttended, accumulates: false } : null;
  backLinear(linears, { path: "self_attn.o_proj", x, dy, dx }, out);
  if (needsHeads) {
    const gradients = backwardHeads(call, dAttended, out);
    const of = { norm: beforeAttention, x: input, rstd: rstd1 };
    backwardInput(call, headProjections(config), of, gradients, needsInput, out);
  }
}

/** Gradients of queries, keys and values as they were projected. */
function backwardHeads(call: LayerBackward, dAttended: Tensor, out: Dispatch[]): Tensor[] {
  const { model, tables, layer, trace } = call;
  const { config } = model;
  const { queryWidth, keyWidth } = widthsOf(config);
  const tensor = (name: string, width: number) =>
    scratch(`layer ${layer} d ${name}`, tables.tokens * width);
  const dHeads = { query: tensor("query", queryWidth), key: tensor("key", keyWidth) };
  const dValue = tensor("value", keyWidth);
  const kept = { query: trace.query, key: trace.key, scales: null };
  const heads = config.hasQkNorm ? prepareHeads(call, kept, out) : kept;
  const { ofQueries, ofKeys } = tables.ranges(isSliding(config, layer));
  out.push(
    ...attentionBackward(attentionShape(config, tables.tokens), {
      q: heads.query,
      k: heads.key,
      v: trace.value,
      ranges: ofQueries,
      o: trace.attended,
      lse: trace.logSumExp,
      dO: dAttended,
      keyRanges: ofKeys,
      rowStats: tensor("row statistics", 2 * config.numAttentionHeads),
      dQ: dHeads.query,
      dK: dHeads.key,
      dV: dValue,
    }),
  );
  const projected = backThroughHeads(call, kept, heads.scales, dHeads, out);
  return [projected.query, projected.key, dValue];
}

/**
 * Back through linears and the norm ahead of them; what comes through it is added to dx, which
 * holds the residual's gradient.
 */
function backwardInput(
  { model, tables, layer, trace, dx }: LayerBackward,
  projections: ReturnType<typeof headProjections>,
  { norm, x, rstd }: { norm: string; x: Tensor; rstd: Tensor },
  gradients: readonly Tensor[],
  needsInput: boolean,
  out: Dispatch[],
): void {
  const shape = { rows: tables.tokens, width: model.config.hiddenSize };
  const normed = normedInput({ model, tables, layer }, norm, x, out).y;
  const dNormed = needsInput
    ? scratch(`layer ${layer} d ${norm} output`, shape.rows * shape.width)
    : null;
  backProject(trace.linears, projections, { x: normed, gradients, dx: dNormed }, out);
  if (dNormed !== null) {
    const tensors = { rstd, dy: dNormed, dx, accumulates: true };
    backwardNorm(model, { name: moduleOf(layer, norm), x, ...shape }, tensors, out);
  }
}

/**
 * The gradient of what a branch adds to the residual stream: dx itself, or back through the norm
 * that ends the branch.
 */
function gradientOfBranch(
  { model, tables, layer, dx }: LayerBackward,
  name: string | null,
  norm: BranchNorm | null,
  out: Dispatch[],
): Tensor {
  if (name === null || norm === null) {
    return dx;
  }
  const { x, rstd } = norm;
  const shape = { rows: tables.tokens, width: model.config.hiddenSize };
  const gradient = scratch(`layer ${layer} d ${name} input`, shape.rows * shape.width);
  const tensors = { rstd, dy: dx, dx: gradient, accumulates: false };
  backwardNorm(model, { name: moduleOf(layer, name), x, ...shape }, tensors, out);
  return gradient;
}
