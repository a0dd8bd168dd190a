// One decoder layer forward: what it computes, and what it keeps for backward. Which norms,
// projections and RoPE a layer has is decided by layer-shape.ts.
import type { Tensor } from "../../../gpu/plan.ts";
import { attention } from "../../../kernels/attention/kernel.ts";
import { gatedMlp } from "../../../kernels/gated-mlp/kernel.ts";
import { kvStore } from "../../../kernels/kv-store/kernel.ts";
import { invariant } from "../../../util/assert.ts";
import type { Recorder } from "../recorder.ts";
import { hasTrace, recordBranch, type BranchTrace } from "./branch.ts";
import { prepareHeads, type Heads } from "./heads.ts";
import {
  attentionShape,
  gateProjections,
  headProjections,
  isSliding,
  normsOf,
  widthsOf,
} from "./layer-shape.ts";
import { forwardNorm, streamNorm } from "./norm.ts";
import { project, type Projected } from "./projection.ts";

/**
 * Activations of a layer that backward reads and cannot cheaply recompute. Of a recomputed layer,
 * only `input` is kept from forward to backward. Cheap to recompute, hence absent: the outputs of
 * the norms, the rotated heads (where they are normed), the MLP's activation, dropout's outputs.
 */
export interface LayerTrace {
  /** [tokens, hidden]: the residual stream below the layer. */
  input: Tensor;
  /** Scale of the norm before attention, [tokens]. */
  rstd1: Tensor;
  /** h of the projections of queries, keys and values. */
  headInner: Projected["inner"];
  /** As projected where heads are normed, else as attention read them. */
  query: Tensor;
  key: Tensor;
  value: Tensor;
  /** [tokens, heads * headDim], and what attention keeps of its rows [tokens, heads, 2]. */
  attended: Tensor;
  rowStats: Tensor;
  attentionBranch: BranchTrace;
  /** The residual stream between attention and MLP. */
  middle: Tensor;
  /** Scale of the norm before the MLP, [tokens]. */
  rstd2: Tensor;
  /** h of the projections of gate and up. */
  gateInner: Projected["inner"];
  /** [tokens, intermediate] */
  gate: Tensor;
  up: Tensor;
  mlpBranch: BranchTrace;
}

type UpToGate = Omit<LayerTrace, "mlpBranch">;

/** Keys and values of one layer so far, each [capacity, kvHeads * headDim]. */
export interface LayerCache {
  keys: Tensor;
  values: Tensor;
  capacity: number;
}

export interface LayerCall {
  layer: number;
  input: Tensor;
  /** In generation: attend to all tokens before. */
  cache?: LayerCache;
}

/** @returns also the layer's output [tokens, hidden] */
export function forwardLayer(
  recorder: Recorder,
  call: LayerCall,
): { trace: LayerTrace; output: Tensor } {
  const upToGate = forwardToGate(recorder, call);
  const x = recordActivation(recorder, call.layer, upToGate);
  const mlpBranch = recordBranch(recorder, { ...mlpEnd(recorder, call.layer), x });
  const output = mlpBranch.addTo(upToGate.middle);
  return { trace: { ...upToGate, mlpBranch }, output };
}

/**
 * Computes the trace again from the layer's input, by the same dispatches, so in the same bits. The
 * layer's output is left out, and the activation with it unless the branch's end reads it.
 */
export function recomputeLayer(recorder: Recorder, call: LayerCall): LayerTrace {
  const upToGate = forwardToGate(recorder, call);
  const end = mlpEnd(recorder, call.layer);
  if (!hasTrace(recorder, end)) {
    return { ...upToGate, mlpBranch: { h: null, norm: null } };
  }
  const x = recordActivation(recorder, call.layer, upToGate);
  return { ...upToGate, mlpBranch: recordBranch(recorder, { ...end, x }) };
}

function mlpEnd({ config }: Recorder, layer: number) {
  return { layer, path: "mlp.down_proj", norm: normsOf(config).afterMlp } as const;
}

/** The layer up to the MLP's activation. */
function forwardToGate(recorder: Recorder, call: LayerCall): UpToGate {
  const { config } = recorder;
  const { layer, input } = call;
  const { beforeAttention, afterAttention, beforeMlp } = normsOf(config);

  const normed1 = forwardNorm(recorder, streamNorm(recorder, layer, beforeAttention, input));
  const heads = project(recorder, { layer, projections: headProjections(config), x: normed1.y });
  const [query, key, value] = heads.outputs;
  invariant(
    query !== undefined && key !== undefined && value !== undefined,
    "a layer without heads",
  );
  const prepared = prepareHeads(recorder, layer, { query, key });
  const { attended, rowStats } = attend(recorder, call, prepared, value);
  const attentionBranch = recordBranch(recorder, {
    layer,
    path: "self_attn.o_proj",
    x: attended,
    norm: afterAttention,
  });
  const middle = attentionBranch.addTo(input);

  const normed2 = forwardNorm(recorder, streamNorm(recorder, layer, beforeMlp, middle));
  const gates = project(recorder, { layer, projections: gateProjections(config), x: normed2.y });
  const [gate, up] = gates.outputs;
  invariant(gate !== undefined && up !== undefined, "a layer without a gate");
  return {
    input,
    rstd1: normed1.rstd,
    headInner: heads.inner,
    query,
    key,
    value,
    attended,
    rowStats,
    attentionBranch,
    middle,
    rstd2: normed2.rstd,
    gateInner: gates.inner,
    gate,
    up,
  };
}

function attend(
  recorder: Recorder,
  { layer, cache }: LayerCall,
  { query, key }: Heads,
  value: Tensor,
): { attended: Tensor; rowStats: Tensor } {
  const { config, tables, tokens } = recorder;
  const { queryWidth, keyWidth } = widthsOf(config);
  const attended = recorder.activation(`layer ${layer} attended`, queryWidth);
  const rowStats = recorder.activation(
    `layer ${layer} row statistics`,
    2 * config.numAttentionHeads,
  );
  if (cache !== undefined) {
    const { keys: cacheK, values: cacheV, capacity } = cache;
    const positions = tables.view("positions");
    const shape = { rows: tokens, width: keyWidth, capacity };
    recorder.push(kvStore(shape, { k: key, v: value, positions, cacheK, cacheV }));
  }
  recorder.push(
    attention(attentionShape(config, tokens, cache?.capacity), {
      q: query,
      k: cache?.keys ?? key,
      v: cache?.values ?? value,
      ranges: tables.ranges(isSliding(config, layer)).ofQueries,
      o: attended,
      rowStats,
    }),
  );
  return { attended, rowStats };
}

/** f(gate) * up [tokens, intermediate]: recomputed in backward, not kept. */
export function recordActivation(
  recorder: Recorder,
  layer: number,
  { gate, up }: Pick<LayerTrace, "gate" | "up">,
): Tensor {
  const { intermediateSize: width, activation } = recorder.config;
  const act = recorder.activation(`layer ${layer} activation`, width);
  recorder.push(gatedMlp(activation, { rows: recorder.tokens, width }, { gate, up, act }));
  return act;
}
