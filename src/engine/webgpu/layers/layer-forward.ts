// One decoder layer forward: what it computes, and what it keeps for the way back. Which norms,
// projections and turns there are is the model's description's affair (layer-shape.ts).
import { scratch, type Dispatch, type Tensor } from "../../../gpu/plan.ts";
import { attention } from "../../../kernels/attention/kernel.ts";
import { gatedMlp } from "../../../kernels/gated-mlp/kernel.ts";
import { kvStore } from "../../../kernels/kv-store/kernel.ts";
import { add } from "../../../kernels/rows/kernel.ts";
import { invariant } from "../../../util/assert.ts";
import type { BatchTables } from "../batch-tables.ts";
import { prepareHeads, type Heads } from "./heads.ts";
import {
  attentionShape,
  gateProjections,
  headProjections,
  isSliding,
  normsOf,
  widthsOf,
} from "./layer-shape.ts";
import type { ForwardMode } from "./linear.ts";
import type { ModelTensors } from "../model-tensors.ts";
import { forwardNorm } from "./norm.ts";
import { applyLinear, moduleOf, project, type LayerLinears } from "./projection.ts";

/**
 * Activations of a layer that backward needs and cannot cheaply make again. All but `input` die
 * with a recomputed layer.
 */
export interface LayerTrace {
  linears: LayerLinears;
  /** [tokens, hidden]: the residual stream below the layer. */
  input: Tensor;
  rstd1: Tensor;
  /** As projected where heads are normed, else as attention took them. */
  query: Tensor;
  key: Tensor;
  value: Tensor;
  /** [tokens, heads * headDim] and its log-sum-exp [tokens, heads]. */
  attended: Tensor;
  logSumExp: Tensor;
  /** Of the norm that follows attention, if one does. */
  afterAttention: BranchNorm | null;
  /** The residual stream between attention and MLP. */
  middle: Tensor;
  rstd2: Tensor;
  gate: Tensor;
  up: Tensor;
  /** Of the norm that follows the MLP, if one does. */
  afterMlp: BranchNorm | null;
}

/** Input and scale of a norm that stands ahead of a residual sum. */
export interface BranchNorm {
  x: Tensor;
  rstd: Tensor;
}

/** Keys and values of one layer so far, each [capacity, kvHeads * headDim]. */
export interface LayerCache {
  keys: Tensor;
  values: Tensor;
  capacity: number;
}

export interface LayerCall {
  model: ModelTensors;
  tables: BatchTables;
  mode: ForwardMode;
  layer: number;
  input: Tensor;
  /** In generation: attend to all that went before. */
  cache?: LayerCache;
}

export function forwardLayer(
  call: LayerCall,
  out: Dispatch[],
): { trace: LayerTrace; output: Tensor } {
  const toGate = forwardToGate(call, out);
  const { output, afterMlp } = forwardFromGate(call, toGate, out);
  return { trace: { ...toGate, afterMlp }, output };
}

/**
 * What backward needs, by the same dispatches, so in the same bits. The layer's output is not made
 * twice.
 */
export function remakeLayer(call: LayerCall, out: Dispatch[]): LayerTrace {
  const toGate = forwardToGate(call, out);
  const rest: Dispatch[] = [];
  const { afterMlp } = forwardFromGate(call, toGate, rest);
  const down = toGate.linears.traces.get(moduleOf(call.layer, "mlp.down_proj"));
  if (afterMlp !== null || down?.low != null) {
    out.push(...rest.slice(0, -1)); // all but what ends in the output
  }
  return { ...toGate, afterMlp };
}

/** The layer up to the MLP's activation. */
function forwardToGate(call: LayerCall, out: Dispatch[]): Omit<LayerTrace, "afterMlp"> {
  const { model, tables, mode, layer, input } = call;
  const { config } = model;
  const { beforeAttention, afterAttention, beforeMlp } = normsOf(config);
  const linears: LayerLinears = { model, layer, tokens: tables.tokens, traces: new Map() };
  const normed1 = normedInput(call, beforeAttention, input, out);
  const [query, key, value] = project(linears, mode, headProjections(config), normed1.y, out);
  invariant(
    query !== undefined && key !== undefined && value !== undefined,
    "a layer without heads",
  );
  const { attended, logSumExp } = attend(call, prepareHeads(call, { query, key }, out), value, out);
  const path = "self_attn.o_proj";
  const branch = { path, x: attended, norm: afterAttention, residual: input };
  const { output: middle, norm } = addBranch(call, linears, branch, out);
  const normed2 = normedInput(call, beforeMlp, middle, out);
  const [gate, up] = project(linears, mode, gateProjections(config), normed2.y, out);
  invariant(gate !== undefined && up !== undefined, "a layer without a gate");
  return {
    linears,
    input,
    rstd1: normed1.rstd,
    query,
    key,
    value,
    attended,
    logSumExp,
    afterAttention: norm,
    middle,
    rstd2: normed2.rstd,
    gate,
    up,
  };
}

/** The rest: act = f(gate) * up, output = middle + down(act). */
function forwardFromGate(
  call: LayerCall,
  { linears, gate, up, middle }: Omit<LayerTrace, "afterMlp">,
  out: Dispatch[],
): { output: Tensor; afterMlp: BranchNorm | null } {
  const act = activation(linears, { gate, up }, out);
  const { afterMlp } = normsOf(call.model.config);
  const branch = { path: "mlp.down_proj", x: act, norm: afterMlp, residual: middle };
  const { output, norm } = addBranch(call, linears, branch, out);
  return { output, afterMlp: norm };
}

/**
 * residual + linear(x), or residual + norm(linear(x)): in either case the last dispatch makes
 * nothing but the output.
 */
function addBranch(
  call: LayerCall,
  linears: LayerLinears,
  { path, x, norm, residual }: { path: string; x: Tensor; norm: string | null; residual: Tensor },
  out: Dispatch[],
): { output: Tensor; norm: BranchNorm | null } {
  const width = call.model.config.hiddenSize;
  if (norm === null) {
    return {
      output: applyLinear(linears, call.mode, { path, x, width, residual }, out),
      norm: null,
    };
  }
  const branch = applyLinear(linears, call.mode, { path, x, width }, out);
  const { y, rstd } = normedInput(call, norm, branch, out);
  out.push(add(call.tables.tokens * width, { x: residual, y }));
  return { output: y, norm: { x: branch, rstd } };
}

function attend(
  { model, tables, layer, cache }: LayerCall,
  { query, key }: Heads,
  value: Tensor,
  out: Dispatch[],
): { attended: Tensor; logSumExp: Tensor } {
  const tokens = tables.tokens;
  const { config } = model;
  const { queryWidth, keyWidth } = widthsOf(config);
  const attended = scratch(`layer ${layer} attended`, tokens * queryWidth);
  const logSumExp = scratch(`layer ${layer} log-sum-exp`, tokens * config.numAttentionHeads);
  if (cache !== undefined) {
    out.push(
      kvStore(
        { rows: tokens, width: keyWidth, capacity: cache.capacity },
        {
          k: key,
          v: value,
          positions: tables.view("positions"),
          cacheK: cache.keys,
          cacheV: cache.values,
        },
      ),
    );
  }
  out.push(
    attention(attentionShape(config, tokens, cache?.capacity), {
      q: query,
      k: cache?.keys ?? key,
      v: cache?.values ?? value,
      ranges: tables.ranges(isSliding(config, layer)).ofQueries,
      o: attended,
      lse: logSumExp,
    }),
  );
  return { attended, logSumExp };
}

/** f(gate) * up, made again rather than kept. */
export function activation(
  { model, layer, tokens }: LayerLinears,
  { gate, up }: Pick<LayerTrace, "gate" | "up">,
  out: Dispatch[],
): Tensor {
  const { intermediateSize: width, activation } = model.config;
  const act = scratch(`layer ${layer} activation`, tokens * width);
  out.push(gatedMlp(activation, { rows: tokens, width }, { gate, up, act }));
  return act;
}

/**
 * A norm over the width of the residual stream: the input of the layer's linears is made again
 * rather than kept.
 */
export function normedInput(
  { model, tables, layer }: Pick<LayerCall, "model" | "tables" | "layer">,
  name: string,
  x: Tensor,
  out: Dispatch[],
): { y: Tensor; rstd: Tensor } {
  const shape = { rows: tables.tokens, width: model.config.hiddenSize };
  return forwardNorm(model, { name: moduleOf(layer, name), x, ...shape }, out);
}
