// A program of generation: takes tokens into the caches of keys and values, and computes the logits
// after the last of them. Prefill takes a piece of a prompt, decode one new token.
import { persistent, scratch, type Program, type Tensor } from "../../gpu/plan.ts";
import { argmax } from "../../kernels/argmax/kernel.ts";
import { logitStride } from "../../kernels/cross-entropy/kernel.ts";
import { gatherRows } from "../../kernels/rows/kernel.ts";
import { softCap } from "../../kernels/soft-cap/kernel.ts";
import type { BatchTables } from "./batch-tables.ts";
import { finalNorm, headOf } from "./layers/head.ts";
import type { LayerCache } from "./layers/layer-forward.ts";
import { widthsOf } from "./layers/layer-shape.ts";
import { product } from "./layers/linear.ts";
import type { ModelTensors } from "./model-tensors.ts";
import { forwardLayers } from "./programs.ts";
import { Recorder } from "./recorder.ts";

/** Keys and values of all layers, and the outputs of the newest token. */
export interface GenerationState {
  caches: readonly LayerCache[];
  /** Tokens of prompt and answer together. */
  capacity: number;
  vocabulary: number;
  /** [vocabulary], padded: what is sampled from. */
  logits: Tensor;
  /** [1]: the most likely token. */
  token: Tensor;
}

/** @param capacity tokens of prompt and answer together */
export function generationState({ config }: ModelTensors, capacity: number): GenerationState {
  const { keyWidth } = widthsOf(config);
  const { numHiddenLayers, vocabSize } = config;
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
 * A run over 0 items leaves out the logits, which a piece that is not the last needs for nothing.
 * @param tables of one token, or of a piece of a prompt; their one supervised row is the last token
 */
export function generationPass(
  model: ModelTensors,
  tables: BatchTables,
  state: GenerationState,
  hasAdapter: boolean,
): Program {
  const recorder = new Recorder(model, tables, { hasAdapter, hasDropout: false });
  const { hiddenSize: width, vocabSize, logitSoftcap } = model.config;
  const { logits, token } = state;
  const x = forwardLayers(recorder, state.caches);
  const last = scratch("last row", width);
  const rows = tables.view("supervised");
  recorder.push(gatherRows({ first: 0, count: 1, width }, { rows, x, y: last }));
  const { normed } = finalNorm(recorder, { x: last, rows: 1, skipUpToCount: 0 });
  const head = [product(model, 1, { x: normed, weight: headOf(recorder), y: logits })];
  if (logitSoftcap !== null) {
    // The loss caps its logits inside its kernel; those that are sampled from are capped here.
    head.push(softCap(logitStride(vocabSize), logitSoftcap, { x: logits }));
  }
  head.push(argmax(vocabSize, { logits, token }));
  recorder.push(...head.map((dispatch) => ({ ...dispatch, skipUpToCount: 0 })));
  return recorder.finish(`generation pass of ${tables.tokens}`);
}
