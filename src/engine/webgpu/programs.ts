// The programs of a training step: the training pass, its forward half for evaluation, and the
// update. A step runs the training pass once for each part of its micro-batches, which adds up
// gradients and loss, then the update once:
//
//   pass, for as many rows of each micro-batch as fit into one:
//     1. embedding      x [tokens, hidden]                          forwardEmbedding
//     2. layers 0..L-1  x = x + attention, x = x + MLP              layers/layer-forward.ts
//     3. head           loss, and dx of the last layer's output     layers/head.ts
//     4. layers L-1..0  recompute the layer if it was not kept,     layers/layer-backward.ts
//                       and its input if that was not kept either;
//                       dA and dB of its adapters, dx of its input
//   update:
//     5. global norm, clipping, AdamW; gradients back to zero       kernels/adamw
//
// Every tensor of step 2 is dropped after its last use unless its layer is kept. Recomputing a
// layer from its input costs one more forward pass of it and saves all its other activations
// (gradient checkpointing: Chen et al. 2016, arXiv:1604.06174); where not every input is kept, one
// more. Frozen weights have no gradients, so backward computes no weight gradient but those of A
// and B.
import { scratch, type Program, type Tensor, type View } from "../../gpu/plan.ts";
import { adamW, partialsOf } from "../../kernels/adamw/kernel.ts";
import { embedding } from "../../kernels/embedding/kernel.ts";
import { embeddingName } from "../../model/tensors.ts";
import type { BatchTables } from "./batch-tables.ts";
import type { Exchange } from "./exchange.ts";
import { lossAndGradient, lossOnly } from "./layers/head.ts";
import { backwardLayer } from "./layers/layer-backward.ts";
import {
  forwardLayer,
  recomputeLayer,
  type LayerCache,
  type LayerCall,
  type LayerTrace,
} from "./layers/layer-forward.ts";
import type { MemoryChoice } from "./memory-choice.ts";
import type { ModelTensors } from "./model-tensors.ts";
import { adapterOnly, Recorder } from "./recorder.ts";

export interface TrainingPass extends Pick<MemoryChoice, "keptLayers" | "layersPerInput"> {
  /** Collects the pauses of a pass whose loss is computed by tfjs. */
  exchange?: Exchange | undefined;
  /** Left out, as many as the tables hold. */
  tokens?: number;
}

/** Forward, loss and backward of one pass; adds to the gradients and to the loss. */
export function trainingPass(
  model: ModelTensors,
  tables: BatchTables,
  { keptLayers, layersPerInput = 1, exchange, tokens }: TrainingPass,
): Program {
  const mode = { hasAdapter: true, hasDropout: model.dropoutRate > 0 };
  const recorder = new Recorder(model, tables, mode, tokens);
  const { numHiddenLayers } = model.config;
  const recomputed = numHiddenLayers - keptLayers;
  const keptInputs: LayerCall[] = [];
  const traces = new Map<number, LayerTrace>();

  let x = forwardEmbedding(recorder);
  for (let layer = 0; layer < numHiddenLayers; layer++) {
    const call = { layer, input: x };
    const { trace, output } = forwardLayer(recorder, call);
    x = output;
    if (layer >= recomputed) {
      traces.set(layer, trace);
    }
    if (layer >= recomputed || layer % layersPerInput === 0) {
      keptInputs.push(call);
    }
  }

  recorder.mark("backward");
  const dx = lossAndGradient(recorder, { x, ...(exchange && { exchange }) });

  let end = numHiddenLayers;
  for (const kept of keptInputs.toReversed()) {
    for (const call of recomputeInputs(recorder, kept, end).toReversed()) {
      const { layer } = call;
      const trace = traces.get(layer) ?? recomputeLayer(recorder, call);
      backwardLayer(recorder, { layer, trace, dx, needsInput: layer > 0 });
    }
    end = kept.layer;
  }
  return recorder.finish("training pass");
}

/** Layers from one whose input is kept up to `end`, which is left out, with their inputs. */
function recomputeInputs(recorder: Recorder, kept: LayerCall, end: number): LayerCall[] {
  const calls = [kept];
  for (let call = kept; call.layer + 1 < end;) {
    call = { layer: call.layer + 1, input: forwardLayer(recorder, call).output };
    calls.push(call);
  }
  return calls;
}

/**
 * Forward and loss of one pass, adapter on and dropout off; adds to the loss.
 * @param tokens left out, as many as the tables hold
 */
export function evaluationPass(model: ModelTensors, tables: BatchTables, tokens?: number): Program {
  const recorder = new Recorder(model, tables, adapterOnly, tokens);
  lossOnly(recorder, { x: forwardLayers(recorder) });
  return recorder.finish("evaluation pass");
}

/** Global norm, clipping and AdamW; gradients end at zero. */
export function updatePass({ adapter, metrics }: ModelTensors): Program {
  const { elements, gradients, values, moment1, moment2 } = adapter;
  const partials = scratch("norm partials", Math.ceil(partialsOf(elements) / 4) * 4);
  const tensors = { gradients, values, moment1, moment2, partials, metrics };
  return { name: "update", dispatches: adamW(elements, tensors) };
}

/** What generation has besides a batch. */
export interface Continuation {
  /** By layer. */
  caches: readonly LayerCache[];
  /** Read instead of the batch's. */
  tokens?: Tensor;
}

/** Embedding and all layers, without traces. @returns [tokens, hidden] above the last layer */
export function forwardLayers(
  recorder: Recorder,
  { caches, tokens }: Continuation = { caches: [] },
): Tensor {
  let x = forwardEmbedding(recorder, tokens);
  for (let layer = 0; layer < recorder.config.numHiddenLayers; layer++) {
    const cache = caches[layer];
    x = forwardLayer(recorder, { layer, input: x, ...(cache && { cache }) }).output;
  }
  return x;
}

/** x [tokens, hidden] = scale * the rows of the embedding; it is frozen. */
function forwardEmbedding(
  recorder: Recorder,
  tokens: Tensor | View = recorder.tables.view("tokens"),
): Tensor {
  const { config, tokens: rows } = recorder;
  const x = recorder.activation("embedded tokens", config.hiddenSize);
  const table = recorder.weight(embeddingName);
  const shape = { rows, scale: config.embeddingScale };
  recorder.push(embedding(shape, { table, tokens, x }));
  return x;
}
