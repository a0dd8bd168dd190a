// One decoder layer backward: adapter gradients, and the gradient of the residual stream, in place from top to bottom.
import { scratch, type Dispatch, type Tensor } from "../../gpu/plan.ts";
import { attentionBackward } from "../../kernels/attention/kernel.ts";
import { gatedMlpBackward } from "../../kernels/gated-mlp/kernel.ts";
import { rmsNormBackward } from "../../kernels/rms-norm/kernel.ts";
import { ropeBackward } from "../../kernels/rope/kernel.ts";
import type { BatchTables } from "./batch-tables.ts";
import {
  activation,
  attentionShape,
  normedInput,
  widthsOf,
  type LayerTrace,
} from "./layer-forward.ts";
import { backwardLinear } from "./linear.ts";
import { weightOf, type Network } from "./network.ts";

export interface LayerBackward {
  network: Network;
  tables: BatchTables;
  trace: LayerTrace;
  /** [tokens, hidden]: gradient of the layer's output; becomes that of its input. */
  dx: Tensor;
  /** Whether anything below the layer learns; if not, dx is left unfinished. */
  needsInput: boolean;
}

export function backwardLayer(call: LayerBackward, out: Dispatch[]): void {
  const { network, trace, needsInput } = call;
  const learns = (names: readonly string[]) =>
    names.some((name) => network.adapter.targets.has(`model.layers.${trace.layer}.${name}`));
  const projections = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];
  const needsHeads = needsInput || learns(projections);
  const needsAttention = needsHeads || learns(["self_attn.o_proj"]);
  backwardMlp(call, needsAttention, out);
  if (needsAttention) {
    backwardAttention(call, needsHeads, out);
  }
}

/** @param needsInput whether dx is to become the gradient of `middle` */
function backwardMlp(call: LayerBackward, needsInput: boolean, out: Dispatch[]): void {
  const { network, tables, trace, dx } = call;
  const { hiddenSize, intermediateSize } = network.config;
  const { layer, gate, up, middle } = trace;
  const tokens = tables.tokens;
  const dAct = scratch(`layer ${layer} d activation`, tokens * intermediateSize);
  const act = activation(network, tokens, trace, out);
  back(call, "mlp.down_proj", act, dx, { tensor: dAct, accumulates: false }, out);
  out.push(gatedMlpBackward("silu", { rows: tokens, width: intermediateSize }, { dAct, gate, up }));
  const normed = normedInput({ network, tables, layer }, "post_attention_layernorm", middle, out);
  const dNormed = scratch(`layer ${layer} d mlp input`, tokens * hiddenSize);
  const flow = (accumulates: boolean) => (needsInput ? { tensor: dNormed, accumulates } : null);
  back(call, "mlp.gate_proj", normed.y, gate, flow(false), out);
  back(call, "mlp.up_proj", normed.y, up, flow(true), out);
  if (needsInput) {
    backNorm(call, "post_attention_layernorm", middle, trace.rstd2, dNormed, out);
  }
}

/** @param needsHeads whether the gradient goes on past the output projection */
function backwardAttention(call: LayerBackward, needsHeads: boolean, out: Dispatch[]): void {
  const { network, tables, trace, dx } = call;
  const { layer, attended, logSumExp, query, key, value } = trace;
  const { queryWidth, keyWidth } = widthsOf(network);
  const tokens = tables.tokens;
  const tensor = (name: string, width: number) =>
    scratch(`layer ${layer} d ${name}`, tokens * width);
  const dAttended = tensor("attended", queryWidth);
  const flow = needsHeads ? { tensor: dAttended, accumulates: false } : null;
  back(call, "self_attn.o_proj", attended, dx, flow, out);
  if (!needsHeads) {
    return;
  }
  const [dQuery, dKey, dValue] = [
    tensor("query", queryWidth),
    tensor("key", keyWidth),
    tensor("value", keyWidth),
  ];
  out.push(
    ...attentionBackward(attentionShape(network, tokens), {
      q: query,
      k: key,
      v: value,
      ranges: tables.view("ranges"),
      o: attended,
      lse: logSumExp,
      dO: dAttended,
      keyRanges: tables.view("keyRanges"),
      rowStats: tensor("row statistics", 2 * network.config.numAttentionHeads),
      dQ: dQuery,
      dK: dKey,
      dV: dValue,
    }),
  );
  turnBack(network, tables, dQuery, dKey, out);
  backwardProjections(call, [dQuery, dKey, dValue], out);
}

function backwardProjections(
  call: LayerBackward,
  gradients: readonly [Tensor, Tensor, Tensor],
  out: Dispatch[],
): void {
  const { network, tables, trace, needsInput } = call;
  const { layer, input, rstd1 } = trace;
  const normed = normedInput({ network, tables, layer }, "input_layernorm", input, out);
  const width = network.config.hiddenSize;
  const dNormed = scratch(`layer ${layer} d attention input`, tables.tokens * width);
  const modules = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];
  modules.forEach((module, index) => {
    const flow = needsInput ? { tensor: dNormed, accumulates: index > 0 } : null;
    back(call, module, normed.y, gradients[index] as Tensor, flow, out);
  });
  if (needsInput) {
    backNorm(call, "input_layernorm", input, rstd1, dNormed, out);
  }
}

function back(
  { network, tables, trace }: LayerBackward,
  path: string,
  x: Tensor,
  dy: Tensor,
  dx: { tensor: Tensor; accumulates: boolean } | null,
  out: Dispatch[],
): void {
  const module = `model.layers.${trace.layer}.${path}`;
  const linear = trace.linears.get(module) ?? { low: null };
  backwardLinear(network, { module, x, tokens: tables.tokens }, linear, dy, dx, out);
}

/** dx holds the residual's gradient; what comes through the norm is added. */
function backNorm(
  { network, tables, trace, dx }: LayerBackward,
  name: string,
  x: Tensor,
  rstd: Tensor,
  dy: Tensor,
  out: Dispatch[],
): void {
  const { weight } = weightOf(network, `model.layers.${trace.layer}.${name}.weight`).tensors;
  const shape = { rows: tables.tokens, width: network.config.hiddenSize };
  out.push(rmsNormBackward(shape, { x, weight: weight as Tensor, rstd, dy, dx }));
}

function turnBack(
  { config, cosSin }: Network,
  tables: BatchTables,
  dQuery: Tensor,
  dKey: Tensor,
  out: Dispatch[],
): void {
  const positions = tables.view("positions");
  const shape = { rows: tables.tokens, headDim: config.headDim, scale: 1 };
  out.push(
    ropeBackward({ ...shape, heads: config.numAttentionHeads }, { x: dQuery, positions, cosSin }),
    ropeBackward({ ...shape, heads: config.numKeyValueHeads }, { x: dKey, positions, cosSin }),
  );
}
