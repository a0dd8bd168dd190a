// Queries and keys between their projections and attention: normed head by head where the model
// has such norms, then rotated by position (RoPE, Su et al. 2021, arXiv:2104.09864); and backward.
import { scratch, type Tensor } from "../../../gpu/plan.ts";
import { rope, ropeBackward } from "../../../kernels/rope/kernel.ts";
import { attentionFactor } from "../../../model/config/rope-frequencies.ts";
import type { ModelConfig } from "../../../model/config/model-config.ts";
import { rotationOf } from "../model-tensors.ts";
import type { Recorder } from "../recorder.ts";
import { moduleOf } from "./layer-shape.ts";
import { backwardNorm, forwardNorm, type NormCall } from "./norm.ts";

/** Each [tokens, its heads * headDim]. */
export interface Heads {
  query: Tensor;
  key: Tensor;
}

export interface PreparedHeads extends Heads {
  /** The norms' scales, [tokens * heads]; null where heads are not normed. */
  scales: Heads | null;
}

/**
 * The heads that attention reads. Normed heads are new tensors, which may be recomputed from the
 * projections to the same bits; others are rotated in place.
 */
export function prepareHeads(recorder: Recorder, layer: number, projected: Heads): PreparedHeads {
  const heads = recorder.config.hasQkNorm
    ? normed(recorder, layer, projected)
    : { ...projected, scales: null };
  rotate(recorder, layer, heads, rope);
  return heads;
}

export interface HeadsBackward {
  projected: Heads;
  /** Of the prepared heads. */
  scales: Heads | null;
  /** Of the prepared heads; overwritten. */
  gradients: Heads;
}

/** @returns the gradients of the projections */
export function backwardPrepare(
  recorder: Recorder,
  layer: number,
  { projected, scales, gradients }: HeadsBackward,
): Heads {
  rotate(recorder, layer, gradients, ropeBackward);
  if (scales === null) {
    return gradients;
  }
  const throughNorm = (kind: keyof Heads): Tensor => {
    const norm = headNorm(recorder, layer, kind, projected[kind]);
    const dx = scratch(`${norm.name} gradient`, norm.rows * norm.width);
    const tensors = { rstd: scales[kind], dy: gradients[kind], dx, accumulates: false };
    backwardNorm(recorder, norm, tensors);
    return dx;
  };
  return { query: throughNorm("query"), key: throughNorm("key") };
}

function normed(recorder: Recorder, layer: number, projected: Heads): PreparedHeads {
  const norm = (kind: keyof Heads) =>
    forwardNorm(recorder, headNorm(recorder, layer, kind, projected[kind]));
  const [query, key] = [norm("query"), norm("key")];
  return { query: query.y, key: key.y, scales: { query: query.rstd, key: key.rstd } };
}

function headNorm(
  { config, tokens }: Recorder,
  layer: number,
  kind: keyof Heads,
  x: Tensor,
): NormCall {
  const name = kind === "query" ? "self_attn.q_norm" : "self_attn.k_norm";
  const rows = tokens * countOf(config, kind);
  return { name: moduleOf(layer, name), x, rows, width: config.headDim };
}

function rotate(recorder: Recorder, layer: number, heads: Heads, kernel: typeof rope): void {
  const { model, config, tables, tokens: rows } = recorder;
  const rotation = rotationOf(model, layer);
  if (rotation === null) {
    return;
  }
  const { cosSin } = rotation;
  const { query, key } = heads;
  const shape = {
    rows,
    heads: countOf(config, "query"),
    kvHeads: countOf(config, "key"),
    headDim: config.headDim,
    scale: attentionFactor(rotation.rope),
  };
  recorder.push(kernel(shape, { query, key, positions: tables.view("positions"), cosSin }));
}

function countOf(config: ModelConfig, kind: keyof Heads): number {
  return kind === "query" ? config.numAttentionHeads : config.numKeyValueHeads;
}
