// One decoder layer forward: what it computes, and what it keeps for the way back.
import { scratch, type Dispatch, type Tensor } from "../../gpu/plan.ts";
import { attention } from "../../kernels/attention/kernel.ts";
import { gatedMlp } from "../../kernels/gated-mlp/kernel.ts";
import { kvStore } from "../../kernels/kv-store/kernel.ts";
import { rmsNorm } from "../../kernels/rms-norm/kernel.ts";
import { rope } from "../../kernels/rope/kernel.ts";
import type { BatchTables } from "./batch-tables.ts";
import { forwardLinear, type ForwardMode, type LinearTrace } from "./linear.ts";
import { weightOf, type Network } from "./network.ts";

/** Activations of a layer that backward needs and cannot cheaply make again. All but `input` die with a recomputed layer. */
export interface LayerTrace {
  layer: number;
  /** [tokens, hidden]: the residual stream below the layer. */
  input: Tensor;
  rstd1: Tensor;
  query: Tensor;
  key: Tensor;
  value: Tensor;
  /** [tokens, heads * headDim] and its log-sum-exp [tokens, heads]. */
  attended: Tensor;
  logSumExp: Tensor;
  /** The residual stream between attention and MLP. */
  middle: Tensor;
  rstd2: Tensor;
  gate: Tensor;
  up: Tensor;
  /** By module name. */
  linears: Map<string, LinearTrace>;
}

/** Keys and values of one layer so far, each [capacity, kvHeads * headDim]. */
export interface LayerCache {
  keys: Tensor;
  values: Tensor;
  capacity: number;
}

export interface LayerCall {
  network: Network;
  tables: BatchTables;
  mode: ForwardMode;
  layer: number;
  input: Tensor;
  /** In generation: attend to all that went before. */
  cache?: LayerCache;
}

/** The layer up to the MLP's activation, which is all that a recomputation needs. */
export function forwardToGate(call: LayerCall, out: Dispatch[]): LayerTrace {
  const { network, tables, mode, layer, input } = call;
  const { hiddenSize, intermediateSize } = network.config;
  const tokens = tables.tokens;
  const { queryWidth, keyWidth } = widthsOf(network);
  const linears = new Map<string, LinearTrace>();
  const apply = (path: string, x: Tensor, width: number, residual?: Tensor): Tensor => {
    const module = `model.layers.${layer}.${path}`;
    const y = scratch(module, tokens * width);
    linears.set(module, forwardLinear(network, mode, { module, x, tokens }, y, residual, out));
    return y;
  };
  const normed1 = normedInput(call, "input_layernorm", input, out);
  const query = apply("self_attn.q_proj", normed1.y, queryWidth);
  const key = apply("self_attn.k_proj", normed1.y, keyWidth);
  const value = apply("self_attn.v_proj", normed1.y, keyWidth);
  turnHeads(network, tables, query, key, out);
  const { attended, logSumExp } = attend(call, query, key, value, out);
  const middle = apply("self_attn.o_proj", attended, hiddenSize, input);
  const normed2 = normedInput(call, "post_attention_layernorm", middle, out);
  const gate = apply("mlp.gate_proj", normed2.y, intermediateSize);
  const up = apply("mlp.up_proj", normed2.y, intermediateSize);
  return {
    layer,
    input,
    rstd1: normed1.rstd,
    query,
    key,
    value,
    attended,
    logSumExp,
    middle,
    rstd2: normed2.rstd,
    gate,
    up,
    linears,
  };
}

function attend(
  { network, tables, layer, cache }: LayerCall,
  query: Tensor,
  key: Tensor,
  value: Tensor,
  out: Dispatch[],
): { attended: Tensor; logSumExp: Tensor } {
  const tokens = tables.tokens;
  const { queryWidth, keyWidth } = widthsOf(network);
  const attended = scratch(`layer ${layer} attended`, tokens * queryWidth);
  const heads = network.config.numAttentionHeads;
  const logSumExp = scratch(`layer ${layer} log-sum-exp`, tokens * heads);
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
    attention(attentionShape(network, tokens, cache?.capacity), {
      q: query,
      k: cache?.keys ?? key,
      v: cache?.values ?? value,
      ranges: tables.view("ranges"),
      o: attended,
      lse: logSumExp,
    }),
  );
  return { attended, logSumExp };
}

/** The rest: act = silu(gate) * up, output = middle + down(act). */
export function forwardFromGate(call: LayerCall, trace: LayerTrace, out: Dispatch[]): Tensor {
  const { network, tables, mode, layer } = call;
  const tokens = tables.tokens;
  const module = `model.layers.${layer}.mlp.down_proj`;
  const act = activation(network, tokens, trace, out);
  const output = scratch(`layer ${layer} output`, tokens * network.config.hiddenSize);
  const down = forwardLinear(network, mode, { module, x: act, tokens }, output, trace.middle, out);
  trace.linears.set(module, down);
  return output;
}

/** silu(gate) * up, made again rather than kept. */
export function activation(
  { config }: Network,
  tokens: number,
  { layer, gate, up }: LayerTrace,
  out: Dispatch[],
): Tensor {
  const width = config.intermediateSize;
  const act = scratch(`layer ${layer} activation`, tokens * width);
  out.push(gatedMlp("silu", { rows: tokens, width }, { gate, up, act }));
  return act;
}

/** The input of the layer's linears, made again rather than kept. */
export function normedInput(
  { network, tables, layer }: Pick<LayerCall, "network" | "tables" | "layer">,
  name: "input_layernorm" | "post_attention_layernorm",
  x: Tensor,
  out: Dispatch[],
): { y: Tensor; rstd: Tensor } {
  const { hiddenSize: width, rmsNormEps: epsilon } = network.config;
  const rows = tables.tokens;
  const y = scratch(`layer ${layer} ${name}`, rows * width);
  const rstd = scratch(`layer ${layer} ${name} scale`, rows);
  const { weight } = weightOf(network, `model.layers.${layer}.${name}.weight`).tensors;
  out.push(rmsNorm({ rows, width, epsilon }, { x, weight: weight as Tensor, y, rstd }));
  return { y, rstd };
}

function turnHeads(
  { config, cosSin }: Network,
  tables: BatchTables,
  query: Tensor,
  key: Tensor,
  out: Dispatch[],
): void {
  const positions = tables.view("positions");
  const { numAttentionHeads, numKeyValueHeads, headDim } = config;
  const shape = { rows: tables.tokens, headDim, scale: 1 };
  out.push(
    rope({ ...shape, heads: numAttentionHeads }, { x: query, positions, cosSin }),
    rope({ ...shape, heads: numKeyValueHeads }, { x: key, positions, cosSin }),
  );
}

export function attentionShape({ config }: Network, tokens: number, places = tokens) {
  return {
    queries: tokens,
    keys: places,
    heads: config.numAttentionHeads,
    kvHeads: config.numKeyValueHeads,
    headDim: config.headDim,
    scale: 1 / Math.sqrt(config.headDim),
  };
}

export function widthsOf({ config }: Network): { queryWidth: number; keyWidth: number } {
  return {
    queryWidth: config.numAttentionHeads * config.headDim,
    keyWidth: config.numKeyValueHeads * config.headDim,
  };
}
