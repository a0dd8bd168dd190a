// Linear layers with their adapters: y = x W^T + b + s h B^T with h = drop(x) A^T (LoRA, Hu et al.
// 2021, arXiv:2106.09685), and their gradients. What only adapters have is recorded for all linears
// that read one input together.
import type { Dispatch, Tensor } from "../../../gpu/plan.ts";
import { adapterGradients } from "../../../kernels/adapter-gradient/kernel.ts";
import { mostMembersWith, type WideInput } from "../../../kernels/adapter-gradient/wide.ts";
import { innerBackward, innerForward } from "../../../kernels/adapter-inner/kernel.ts";
import { dropout, dropoutAdd } from "../../../kernels/dropout/kernel.ts";
import { gatedMlpBackward, type GateFunction } from "../../../kernels/gated-mlp/kernel.ts";
import {
  linear,
  linearBackward,
  linearBackwardGated,
  type BackwardLora,
  type Columns,
  type Matrix,
  type MatmulParts,
} from "../../../kernels/matmul/kernel.ts";
import { tileOver } from "../../../kernels/matmul/tile.ts";
import { matvec, maxMatvecRows } from "../../../kernels/matvec/kernel.ts";
import { addBias } from "../../../kernels/rows/kernel.ts";
import { invariant } from "../../../util/assert.ts";
import type { PlacedTarget } from "../adapter-layout.ts";
import type { ModelTensors } from "../model-tensors.ts";
import type { Recorder } from "../recorder.ts";

/**
 * h [tokens, rank] = drop(x) A^T of linears that read x, which backward reads; null for those
 * without an adapter. One dispatch, but with dropout, which draws for each.
 * @param modules e.g. `model.layers.0.self_attn.q_proj`
 */
export function adapterInner(
  recorder: Recorder,
  modules: readonly string[],
  x: Tensor,
): (Columns | null)[] {
  const targets = modules.map((module) => recorder.target(module));
  const inner = new Map<PlacedTarget, Columns>();
  for (const group of groupsOf(recorder, targets)) {
    const [first] = group;
    const places = innerColumns(recorder, group, "h");
    const members = group.map((target, at) => ({ a: target.a, h: columnsAt(places, at) }));
    const { inFeatures: width, module } = first;
    const input = recorder.hasDropout ? dropped(recorder, first, x) : x;
    invariant(
      group.every((one) => one.inFeatures === width),
      `${module} reads another input`,
    );
    const shape = { rows: recorder.tokens, rank: recorder.model.adapter.rank, width };
    recorder.push(innerForward(shape, { x: input, members }));
    members.forEach(({ h }, at) => inner.set(group[at] ?? first, h));
  }
  return targets.map((target) => (target && inner.get(target)) ?? null);
}

type Group = readonly [PlacedTarget, ...PlacedTarget[]];

/** Targets whose narrow products are one dispatch: all, or each alone with dropout. */
function groupsOf(recorder: Recorder, targets: readonly (PlacedTarget | undefined)[]): Group[] {
  const [first, ...others] = targets.filter((target) => target !== undefined);
  if (first === undefined) {
    return [];
  }
  return recorder.hasDropout ? [first, ...others].map((one) => [one]) : [[first, ...others]];
}

/** A tensor [tokens, rank of all members], and the columns of each. */
function innerColumns(recorder: Recorder, group: Group, name: "h" | "u"): readonly Columns[] {
  const { rank } = recorder.model.adapter;
  const width = group.length * rank;
  const tensor = recorder.activation(
    `${group.map(({ module }) => module).join(", ")} ${name}`,
    width,
  );
  return group.map((_, index) => ({ tensor, width, first: index * rank }));
}

function columnsAt(places: readonly Columns[], index: number): Columns {
  const place = places[index];
  invariant(place !== undefined, `no columns for member ${index}`);
  return place;
}

export interface LinearCall {
  module: string;
  /** [tokens, in] */
  x: Tensor;
  /** [tokens, out]: added to the output. */
  residual?: Tensor;
}

/**
 * y [tokens, out] = x W^T (+ b) (+ s h B^T) (+ residual).
 * Bias and residual have no part in backward: one is frozen, the other's gradient is dy itself.
 */
export function linearOutput(
  recorder: Recorder,
  { module, x, residual }: LinearCall,
  h: Columns | null,
): Tensor {
  const { model, tokens } = recorder;
  const { rank, scaling } = model.adapter;
  const weight = recorder.weight(`${module}.weight`);
  const y = recorder.activation(module, weight.rows);
  const target = recorder.target(module);
  const hasAdapter = target !== undefined && h !== null;
  recorder.push(
    product(
      model,
      tokens,
      {
        x,
        weight,
        y,
        ...(hasAdapter && { lora: { h, matrix: target.b, rank, scaling } }),
        ...(residual !== undefined && { residual }),
      },
      recorder.mostTokens,
    ),
  );
  const bias = `${module}.bias`;
  if (model.weights.has(bias)) {
    const shape = { rows: tokens, width: weight.rows };
    recorder.push(addBias(shape, { x: y, bias: recorder.vector(bias) }));
  }
  return y;
}

/**
 * x W^T with the kernel for this many rows and columns.
 * @param mostRows of the longest pass, whose kernels a shorter one shares
 */
export function product(
  { tiles }: ModelTensors,
  rows: number,
  parts: MatmulParts,
  mostRows = rows,
): Dispatch {
  if (rows <= maxMatvecRows) {
    return matvec(rows, parts);
  }
  const tile = parts.weight.rows <= 64 ? "narrow" : tileOver(mostRows, tiles.wide);
  return linear(rows, { ...parts, tile });
}

/** A linear of those that read one input. */
export interface BackwardMember {
  module: string;
  /** Of the forward call. */
  h: Columns | null;
  /** [tokens, out] */
  dy: Tensor;
}

/** The input of linears in backward, for the gradient of A alone. */
export interface ReadInput {
  /** What it is made of. */
  parts: WideInput;
  /** Records it as a tensor [tokens, in], for dropout and where a kernel cannot bind the parts. */
  record: () => Tensor;
}

/** An input that is kept as it is. */
export function keptInput(x: Tensor): ReadInput {
  return { parts: { kind: "plain", x }, record: () => x };
}

export interface LinearsBackward {
  members: readonly BackwardMember[];
  /** What they read. */
  x: ReadInput;
}

/**
 * Adds the gradients of A and B. With u = dy B [tokens, rank]: dB += s dy^T h, dA += s u^T drop(x).
 * @returns u of each member; null where it has no adapter
 */
export function backwardAdapters(
  recorder: Recorder,
  { members, x }: LinearsBackward,
): readonly (Columns | null)[] {
  const adapted = members.flatMap(({ module, h, dy }) => {
    const target = recorder.target(module);
    return target && h ? [{ target, h, dy }] : [];
  });
  const us = new Map<string, Columns>();
  if (adapted.length > 0) {
    const isWhole = recorder.hasDropout || adapted.length > mostMembersWith(x.parts);
    const input: WideInput = isWhole ? { kind: "plain", x: x.record() } : x.parts;
    for (const group of recorder.hasDropout ? adapted.map((one) => [one]) : [adapted]) {
      backwardGroup(recorder, group, input).forEach((u, at) => {
        us.set(group[at]?.target.module ?? "", u);
      });
    }
  }
  return members.map(({ module }) => us.get(module) ?? null);
}

interface AdaptedMember {
  target: PlacedTarget;
  h: Columns;
  dy: Tensor;
}

/** One dispatch for all u, one for all gradients. @returns u of each */
function backwardGroup(
  recorder: Recorder,
  group: readonly AdaptedMember[],
  input: WideInput,
): readonly Columns[] {
  const [first, ...others] = group;
  if (first === undefined) {
    return [];
  }
  const { model, tokens, mostTokens } = recorder;
  const { rank, scaling } = model.adapter;
  const { inFeatures } = first.target;
  const targets = [first.target, ...others.map(({ target }) => target)] as const;
  const places = innerColumns(recorder, targets, "u");
  const members = group.map(({ target, h, dy }, at) => {
    const { outFeatures, b, gradientA, gradientB } = target;
    const u = columnsAt(places, at);
    return { outFeatures, width: outFeatures, b, h, u, dy, gradientA, gradientB };
  });
  const x: WideInput =
    recorder.hasDropout && input.kind === "plain"
      ? { kind: "plain", x: dropped(recorder, first.target, input.x) }
      : input;
  recorder.push(
    innerBackward({ rows: tokens, rank }, members),
    ...adapterGradients({ tokens, mostTokens, rank, inFeatures, scaling }, x, members),
  );
  return places;
}

/**
 * Writes the gradient of what all members read: the sum of dy W + mask * (s u A).
 * @param us of `backwardAdapters`
 */
export function backwardInput(
  recorder: Recorder,
  members: readonly BackwardMember[],
  us: readonly (Columns | null)[],
  dx: Tensor,
): void {
  members.forEach((member, index) => {
    const u = us[index] ?? null;
    const parts = throughWeight(recorder, member, u);
    const residual = index > 0 && { residual: dx };
    recorder.push(linearBackward(recorder.tokens, { ...parts, y: dx, ...residual }));
    const target = recorder.target(member.module);
    if (u !== null && target !== undefined && recorder.hasDropout) {
      backwardDropout(recorder, target, u.tensor, dx);
    }
  });
}

/** What gates a linear's input f(gate) * up, both [tokens, in]. */
export interface GatedInput {
  gate: Tensor;
  up: Tensor;
  activation: GateFunction;
}

/** Through a linear and the activation that it reads: gate and up become their gradients. */
export function backwardGatedInput(
  recorder: Recorder,
  member: BackwardMember,
  u: Columns | null,
  { gate, up, activation }: GatedInput,
): void {
  const { tokens } = recorder;
  if (u === null || !recorder.hasDropout) {
    const parts = throughWeight(recorder, member, u);
    recorder.push(linearBackwardGated(tokens, { ...parts, gate, up, activation }));
    return;
  }
  const width = recorder.weight(`${member.module}.weight`).cols;
  const dAct = recorder.activation(`${member.module} d input`, width);
  backwardInput(recorder, [member], [u], dAct);
  recorder.push(gatedMlpBackward(activation, { rows: tokens, width }, { dAct, gate, up }));
}

/** The product dy W, and s u A in the same sum unless dropout's mask lies between x and A. */
function throughWeight(
  recorder: Recorder,
  { module, dy }: BackwardMember,
  u: Columns | null,
): Omit<MatmulParts<BackwardLora>, "y"> {
  const { rank, scaling } = recorder.model.adapter;
  const target = recorder.target(module);
  const isFused = u !== null && target !== undefined && !recorder.hasDropout;
  return {
    x: dy,
    weight: recorder.weight(`${module}.weight`),
    ...(isFused && { lora: { u, matrix: target.a, rank, scaling } }),
    tile: tileOver(recorder.mostTokens, recorder.model.tiles.wideBackward),
  };
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
  return { format: "f32", rows: adapter.rank, cols: inFeatures, tensors: { weight: a } };
}
