// One decoder layer backward. With m = x + attn(norm1(x)) and y = m + mlp(norm2(m)):
//
//   dm = dy + norm2'(m) mlp'(norm2(m)) dy        backwardMlp
//   dx = dm + norm1'(x) attn'(norm1(x)) dm       backwardAttention
//
// One tensor holds dy, dm and dx in turn: each branch reads it, then adds its own part. Models with
// sandwich norms (Gemma) send what a branch reads through the norm at its end (branch.ts).
// Each step below names the formula it records; those of the kernels are in their headers.
import type { Tensor } from "../../../gpu/plan.ts";
import { attentionBackward } from "../../../kernels/attention/kernel.ts";
import type { Recorder } from "../recorder.ts";
import { backwardBranch } from "./branch.ts";
import { backwardPrepare, prepareHeads } from "./heads.ts";
import { recordActivation, type LayerTrace } from "./layer-forward.ts";
import {
  attentionShape,
  gateProjections,
  headProjections,
  isSliding,
  moduleOf,
  normsOf,
  widthsOf,
  type Projection,
} from "./layer-shape.ts";
import {
  backwardAdapters,
  backwardGatedInput,
  backwardInput,
  keptInput,
  type ReadInput,
} from "./linear.ts";
import { backwardNorm, forwardNorm, normParts, streamNorm } from "./norm.ts";
import { backwardProject, type Projected } from "./projection.ts";

export interface LayerBackward {
  layer: number;
  trace: LayerTrace;
  /** [tokens, hidden]: gradient of the layer's output; becomes that of its input. */
  dx: Tensor;
  /** Whether anything below the layer learns; if not, dx is left unfinished. */
  needsInput: boolean;
}

/**
 * Adds the adapter gradients of the layer and turns dx from the gradient of its output into that of
 * its input. Stops early below the lowest adapter: nothing there learns.
 */
export function backwardLayer(recorder: Recorder, call: LayerBackward): void {
  const { layer, needsInput } = call;
  const learns = (path: string) => recorder.target(moduleOf(layer, path)) !== undefined;
  const needsHeads =
    needsInput || headProjections(recorder.config).some(({ path }) => learns(path));
  const needsAttention = needsHeads || learns("self_attn.o_proj");
  backwardMlp(recorder, call, needsAttention);
  if (needsAttention) {
    backwardAttention(recorder, call, needsHeads);
  }
}

/** @param needsMiddle whether dx is to become the gradient of `middle` */
function backwardMlp(recorder: Recorder, call: LayerBackward, needsMiddle: boolean): void {
  const { config } = recorder;
  const { layer, trace, dx } = call;
  const { gate, up, mlpBranch } = trace;
  const { beforeMlp, afterMlp } = normsOf(config);
  const { activation } = config;

  // With act = f(gate) * up, made again for the adapter's gradient, and d(act) = dy W_down:
  // d(gate) = d(act) * up * f'(gate) and d(up) = d(act) * f(gate), in the place of gate and up.
  const dy = backwardBranch(recorder, { layer, norm: afterMlp, trace: mlpBranch, dx });
  const down = { module: moduleOf(layer, "mlp.down_proj"), h: mlpBranch.h, dy };
  const x: ReadInput = {
    parts: { kind: "gated", gate, up, activation },
    record: () => recordActivation(recorder, layer, trace),
  };
  const [u = null] = backwardAdapters(recorder, { members: [down], x });
  backwardGatedInput(recorder, down, u, { gate, up, activation });
  // dx += norm2'(m) (d(gate) W_gate + d(up) W_up).
  backwardProjections(recorder, call, {
    projections: gateProjections(config),
    inner: trace.gateInner,
    gradients: [gate, up],
    norm: beforeMlp,
    x: trace.middle,
    rstd: trace.rstd2,
    needsInput: needsMiddle,
  });
}

/** @param needsHeads whether anything below the output projection needs a gradient */
function backwardAttention(recorder: Recorder, call: LayerBackward, needsHeads: boolean): void {
  const { config } = recorder;
  const { layer, trace, dx, needsInput } = call;
  const { attentionBranch } = trace;
  const { beforeAttention, afterAttention } = normsOf(config);
  const dAttended = recorder.activation(`layer ${layer} d attended`, widthsOf(config).queryWidth);

  // d(attended) = dm W_o.
  const dy = backwardBranch(recorder, { layer, norm: afterAttention, trace: attentionBranch, dx });
  const members = [{ module: moduleOf(layer, "self_attn.o_proj"), h: attentionBranch.h, dy }];
  const us = backwardAdapters(recorder, { members, x: keptInput(trace.attended) });
  if (needsHeads) {
    backwardInput(recorder, members, us, dAttended);
    // dx += norm1'(x) (dq W_q + dk W_k + dv W_v).
    backwardProjections(recorder, call, {
      projections: headProjections(config),
      inner: trace.headInner,
      gradients: backwardHeads(recorder, call, dAttended),
      norm: beforeAttention,
      x: trace.input,
      rstd: trace.rstd1,
      needsInput,
    });
  }
}

/** Gradients of queries, keys and values as projected. Normed heads are recomputed first. */
function backwardHeads(
  recorder: Recorder,
  { layer, trace }: LayerBackward,
  dAttended: Tensor,
): Tensor[] {
  const { config, tables, tokens } = recorder;
  const { queryWidth, keyWidth } = widthsOf(config);
  const tensor = (name: string, width: number) =>
    recorder.activation(`layer ${layer} d ${name}`, width);
  const gradients = { query: tensor("query", queryWidth), key: tensor("key", keyWidth) };
  const dValue = tensor("value", keyWidth);
  const projected = { query: trace.query, key: trace.key };
  const heads = config.hasQkNorm
    ? prepareHeads(recorder, layer, projected)
    : { ...projected, scales: null };
  const { ofQueries, ofKeys } = tables.ranges(isSliding(config, layer));
  recorder.push(
    ...attentionBackward(attentionShape(config, tokens), {
      q: heads.query,
      k: heads.key,
      v: trace.value,
      ranges: ofQueries,
      o: trace.attended,
      rowStats: trace.rowStats,
      dO: dAttended,
      keyRanges: ofKeys,
      dQ: gradients.query,
      dK: gradients.key,
      dV: dValue,
    }),
  );
  const { scales } = heads;
  const { query, key } = backwardPrepare(recorder, layer, { projected, scales, gradients });
  return [query, key, dValue];
}

interface ProjectionsBackward {
  projections: readonly Projection[];
  inner: Projected["inner"];
  /** Of all outputs of the projections. */
  gradients: readonly Tensor[];
  /** The norm before them, its input and its scale. */
  norm: string;
  x: Tensor;
  rstd: Tensor;
  needsInput: boolean;
}

/**
 * Through linears and the norm before them, whose output is made again: the result is added to dx,
 * which holds the gradient of the residual around them.
 */
function backwardProjections(
  recorder: Recorder,
  { layer, dx }: LayerBackward,
  { projections, inner, gradients, norm, x, rstd, needsInput }: ProjectionsBackward,
): void {
  const call = streamNorm(recorder, layer, norm, x);
  const dNormed = needsInput
    ? recorder.activation(`layer ${layer} d ${norm} output`, call.width)
    : null;
  const normed: ReadInput = {
    parts: { kind: "normed", ...normParts(recorder, call, rstd) },
    record: () => forwardNorm(recorder, call).y,
  };
  backwardProject(recorder, { layer, projections, x: normed, inner, gradients, dx: dNormed });
  if (dNormed !== null) {
    backwardNorm(recorder, call, { rstd, dy: dNormed, dx, accumulates: true });
  }
}
