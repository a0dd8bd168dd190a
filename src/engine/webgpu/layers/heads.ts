// Queries and keys between their projections and attention: normed head by head where the model
// has such norms, then rotated by position (RoPE); and the gradients backward.
import { scratch, type Dispatch, type Tensor } from "../../../gpu/plan.ts";
import { rope, ropeBackward } from "../../../kernels/rope/kernel.ts";
import { attentionFactor } from "../../../model/config/rope-frequencies.ts";
import type { BatchTables } from "../batch-tables.ts";
import { rotationOf, type ModelTensors } from "../model-tensors.ts";
import { backwardNorm, forwardNorm } from "./norm.ts";
import { moduleOf } from "./projection.ts";

/** Each [tokens, its heads * headDim]. */
export interface Heads {
  query: Tensor;
  key: Tensor;
}

export interface PreparedHeads extends Heads {
  /** The norms' scales, [tokens * heads]; null where heads are not normed. */
  scales: Heads | null;
}

export interface HeadsCall {
  model: ModelTensors;
  tables: BatchTables;
  layer: number;
}

/**
 * What attention takes. Heads that are normed are new tensors, and may be made again from the
 * projections, to the same bits; others are rotated in place.
 */
export function prepareHeads(call: HeadsCall, projected: Heads, out: Dispatch[]): PreparedHeads {
  const heads = call.model.config.hasQkNorm
    ? normed(call, projected, out)
    : { ...projected, scales: null };
  rotate(call, heads, rope, out);
  return heads;
}

/** From the gradients of what attention took, which it spends, to those of the projections. */
export function backThroughHeads(
  call: HeadsCall,
  projected: Heads,
  scales: Heads | null,
  gradients: Heads,
  out: Dispatch[],
): Heads {
  rotate(call, gradients, ropeBackward, out);
  if (scales === null) {
    return gradients;
  }
  const back = (kind: keyof Heads): Tensor => {
    const norm = headNorm(call, kind, projected[kind]);
    const dx = scratch(`${norm.name} gradient`, norm.rows * norm.width);
    const tensors = { rstd: scales[kind], dy: gradients[kind], dx, accumulates: false };
    backwardNorm(call.model, norm, tensors, out);
    return dx;
  };
  return { query: back("query"), key: back("key") };
}

function normed(call: HeadsCall, projected: Heads, out: Dispatch[]): PreparedHeads {
  const norm = (kind: keyof Heads) =>
    forwardNorm(call.model, headNorm(call, kind, projected[kind]), out);
  const [query, key] = [norm("query"), norm("key")];
  return { query: query.y, key: key.y, scales: { query: query.rstd, key: key.rstd } };
}

function headNorm({ model, tables, layer }: HeadsCall, kind: keyof Heads, x: Tensor) {
  const { headDim: width } = model.config;
  const name = kind === "query" ? "self_attn.q_norm" : "self_attn.k_norm";
  return { name: moduleOf(layer, name), x, rows: tables.tokens * countOf(model, kind), width };
}

function rotate(
  { model, tables, layer }: HeadsCall,
  heads: Heads,
  kernel: typeof rope,
  out: Dispatch[],
): void {
  const rotation = rotationOf(model, layer);
  if (rotation === null) {
    return;
  }
  const { cosSin } = rotation;
  const positions = tables.view("positions");
  const shape = {
    rows: tables.tokens,
    headDim: model.config.headDim,
    scale: attentionFactor(rotation.rope),
  };
  for (const kind of ["query", "key"] as const) {
    out.push(
      kernel({ ...shape, heads: countOf(model, kind) }, { x: heads[kind], positions, cosSin }),
    );
  }
}

function countOf({ config }: ModelTensors, kind: keyof Heads): number {
  return kind === "query" ? config.numAttentionHeads : config.numKeyValueHeads;
}
