// The programs of an engine: a training pass, its forward half for evaluation, the update, and
// generation.
import { persistent, scratch, type Dispatch, type Program, type Tensor } from "../../gpu/plan.ts";
import { adamW, partialsOf } from "../../kernels/adamw/kernel.ts";
import { argmax } from "../../kernels/argmax/kernel.ts";
import { logitStride } from "../../kernels/cross-entropy/kernel.ts";
import { embedding } from "../../kernels/embedding/kernel.ts";
import { gatherRows } from "../../kernels/rows/kernel.ts";
import { softCap } from "../../kernels/soft-cap/kernel.ts";
import { embeddingName } from "../../model/tensors.ts";
import type { BatchTables } from "./batch-tables.ts";
import type { Exchange } from "./exchange.ts";
import { finalNorm, headOf, lossAndGradient, lossOnly } from "./layers/head.ts";
import { backwardLayer } from "./layers/layer-backward.ts";
import {
  forwardLayer,
  remakeLayer,
  type LayerCache,
  type LayerCall,
  type LayerTrace,
} from "./layers/layer-forward.ts";
import { widthsOf } from "./layers/layer-shape.ts";
import { product, type ForwardMode } from "./layers/linear.ts";
import { weightOf, type ModelTensors } from "./model-tensors.ts";

/**
 * Forward, loss and backward of one pass; adds to the gradients and to the loss.
 * @param keptLayers how many layers, from the top, keep their activations; the others make them
 * again from their input
 * @param exchange takes the pauses of a pass whose loss is computed elsewhere
 */
export function trainingPass(
  model: ModelTensors,
  tables: BatchTables,
  keptLayers: number,
  exchange?: Exchange,
): Program {
  const out: Dispatch[] = [];
  const mode = { hasAdapter: true, hasDropout: model.dropoutRate > 0 };
  const { numHiddenLayers } = model.config;
  const calls: LayerCall[] = [];
  const traces = new Map<number, LayerTrace>();
  let x = embed(model, tables, out);
  for (let layer = 0; layer < numHiddenLayers; layer++) {
    const call = { model, tables, mode, layer, input: x };
    const { trace, output } = forwardLayer(call, out);
    x = output;
    calls.push(call);
    if (layer >= numHiddenLayers - keptLayers) {
      traces.set(layer, trace);
    }
  }
  const dx = lossAndGradient({ model, tables, x, ...(exchange && { exchange }) }, out);
  for (const call of calls.toReversed()) {
    const { layer } = call;
    const trace = traces.get(layer) ?? remakeLayer(call, out);
    backwardLayer({ model, tables, layer, trace, dx, needsInput: layer > 0 }, out);
  }
  return { name: "training pass", dispatches: out };
}

export function evaluationPass(model: ModelTensors, tables: BatchTables): Program {
  const out: Dispatch[] = [];
  const mode = { hasAdapter: true, hasDropout: false };
  const x = throughLayers(model, tables, mode, [], out);
  lossOnly({ model, tables, x }, out);
  return { name: "evaluation pass", dispatches: out };
}

/** Global norm, clipping and AdamW; gradients end at zero. */
export function updatePass({ adapter, metrics }: ModelTensors): Program {
  const { elements, gradients, values, moment1, moment2 } = adapter;
  const partials = scratch("norm partials", Math.ceil(partialsOf(elements) / 4) * 4);
  const tensors = { gradients, values, moment1, moment2, partials, metrics };
  return { name: "update", dispatches: adamW(elements, tensors) };
}

/**
 * Keys and values of all layers, and what comes out: the logits after the newest token, and the
 * likeliest token.
 */
export interface GenerationState {
  caches: readonly LayerCache[];
  capacity: number;
  vocabulary: number;
  logits: Tensor;
  token: Tensor;
}

/** @param capacity tokens of prompt and answer together */
export function generationState(model: ModelTensors, capacity: number): GenerationState {
  const { keyWidth } = widthsOf(model.config);
  const { numHiddenLayers, vocabSize } = model.config;
  return {
    caches: Array.from({ length: numHiddenLayers }, (_, layer) => ({
      keys: persistent(`layer ${layer} key cache`, capacity * keyWidth),
      values: persistent(`layer ${layer} value cache`, capacity * keyWidth),
      capacity,
    })),
    capacity,
    vocabulary: vocabSize,
    logits: persistent("next logits", logitStride(vocabSize)),
    token: persistent("next token", 1),
  };
}

/**
 * Takes the tokens of the tables into the caches and computes the logits after one of them: the
 * only supervised row.
 * @param tables of one token, or of a piece of a prompt
 */
export function generationPass(
  model: ModelTensors,
  tables: BatchTables,
  state: GenerationState,
  hasAdapter: boolean,
): Program {
  const out: Dispatch[] = [];
  const { hiddenSize: width, vocabSize } = model.config;
  const mode = { hasAdapter, hasDropout: false };
  const x = throughLayers(model, tables, mode, state.caches, out);
  const last = scratch("last row", width);
  out.push(
    gatherRows({ first: 0, count: 1, width }, { rows: tables.view("supervised"), x, y: last }),
  );
  const { normed } = finalNorm(model, last, 1, -1, out);
  out.push(
    product(model, 1, { x: normed, weight: headOf(model), y: state.logits }),
    ...cappedLogits(model, state.logits),
    argmax(vocabSize, { logits: state.logits, token: state.token }),
  );
  return { name: `generation pass of ${tables.tokens}`, dispatches: out };
}

/** Logits as they are sampled from; those of the loss are capped by its own kernel. */
function cappedLogits({ config }: ModelTensors, logits: Tensor): Dispatch[] {
  const { logitSoftcap: cap, vocabSize } = config;
  return cap === null ? [] : [softCap(logitStride(vocabSize), cap, { x: logits })];
}

function throughLayers(
  model: ModelTensors,
  tables: BatchTables,
  mode: ForwardMode,
  caches: readonly LayerCache[],
  out: Dispatch[],
): Tensor {
  let x = embed(model, tables, out);
  for (let layer = 0; layer < model.config.numHiddenLayers; layer++) {
    const cache = caches[layer];
    const call = { model, tables, mode, layer, input: x, ...(cache !== undefined && { cache }) };
    x = forwardLayer(call, out).output;
  }
  return x;
}

function embed(model: ModelTensors, tables: BatchTables, out: Dispatch[]): Tensor {
  const x = scratch("embedded tokens", tables.tokens * model.config.hiddenSize);
  const table = weightOf(model, embeddingName);
  const { embeddingScale: scale } = model.config;
  out.push(embedding({ rows: tables.tokens, scale }, { table, tokens: tables.view("tokens"), x }));
  return x;
}
