// A program of generation: takes tokens into the caches of keys and values, computes the logits
// after the last of them, and picks the next token. Prefill takes a piece of a prompt; decode takes
// the token that was picked last, which the host need not know.
import { lent, persistent, scratch, type Program, type Tensor } from "../../gpu/plan.ts";
import { argmax } from "../../kernels/argmax/kernel.ts";
import { logitStride } from "../../kernels/cross-entropy/kernel.ts";
import { drawToken } from "../../kernels/token-draw/kernel.ts";
import { powerCount, settingWords } from "../../kernels/token-draw/settings.ts";
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

/**
 * Keys and values of all layers, lent from training's arenas, and the outputs of the newest token.
 */
export interface GenerationState {
  caches: readonly LayerCache[];
  /** Tokens of prompt and answer together. */
  capacity: number;
  vocabulary: number;
  /** [vocabulary], padded: what is sampled from. */
  logits: Tensor;
  /** u32 [1]: the token that was picked last. */
  token: Tensor;
  /** u32 [mostPicked]: tokens that were picked and not read yet. */
  chosen: Tensor;
  /** How the next token is picked, and a constant table for it (see kernels/token-draw). */
  settings: Tensor;
  powers: Tensor;
}

/** Tokens that are picked before the host reads them. */
export const mostPicked = 8;

/** What a run of a pass computes, by its count (see Runner.run). */
export const passCounts = {
  /** Keys and values alone. */
  cached: 0,
  /** Logits too, and the most likely token. */
  greedy: 1,
  /** The same, and a token drawn by the settings. */
  sampled: 2,
} as const;

/** @param capacity tokens of prompt and answer together */
export function generationState({ config }: ModelTensors, capacity: number): GenerationState {
  const { keyWidth } = widthsOf(config);
  const { numHiddenLayers, vocabSize } = config;
  return {
    caches: Array.from({ length: numHiddenLayers }, (_, layer) => ({
      keys: lent(`layer ${layer} key cache`, capacity * keyWidth),
      values: lent(`layer ${layer} value cache`, capacity * keyWidth),
      capacity,
    })),
    capacity,
    vocabulary: vocabSize,
    logits: persistent("next logits", logitStride(vocabSize)),
    token: persistent("next token", 1),
    chosen: persistent("chosen tokens", mostPicked),
    settings: persistent("settings of the draw", settingWords),
    powers: persistent("powers of two", 2 * powerCount),
  };
}

/**
 * Runs over `passCounts`.
 * @param tables of one token, or of a piece of a prompt; their one supervised row is the last token
 */
export function generationPass(
  model: ModelTensors,
  tables: BatchTables,
  state: GenerationState,
  hasAdapter: boolean,
): Program {
  const recorder = new Recorder(model, tables, { hasAdapter, hasDropout: false });
  const { caches, token } = state;
  const x = forwardLayers(recorder, { caches, ...(tables.tokens === 1 && { tokens: token }) });
  recordLogits(recorder, x, state);
  recordPick(recorder, state);
  return recorder.finish(`generation pass of ${tables.tokens}`);
}

/** The logits after the last token. @param x [tokens, hidden] above the last layer */
function recordLogits(recorder: Recorder, x: Tensor, { logits }: GenerationState): void {
  const { model, tables } = recorder;
  const { hiddenSize: width, vocabSize, logitSoftcap } = model.config;
  const last = scratch("last row", width);
  const rows = tables.view("supervised");
  recorder.push(gatherRows({ first: 0, count: 1, width }, { rows, x, y: last }));
  const skipUpToCount = passCounts.cached;
  const { normed } = finalNorm(recorder, { x: last, rows: 1, skipUpToCount });
  const head = product(model, 1, { x: normed, weight: headOf(recorder), y: logits });
  recorder.push({ ...head, skipUpToCount });
  if (logitSoftcap !== null) {
    // The loss caps its logits inside its kernel; those that are sampled from are capped here.
    recorder.push({
      ...softCap(logitStride(vocabSize), logitSoftcap, { x: logits }),
      skipUpToCount,
    });
  }
}

function recordPick(recorder: Recorder, state: GenerationState): void {
  const { vocabSize } = recorder.config;
  const best = scratch("most likely token", 1);
  const [weights, draw] = drawToken(vocabSize, { ...state, best });
  recorder.push(
    {
      ...argmax(vocabSize, { logits: state.logits, token: best }),
      skipUpToCount: passCounts.cached,
    },
    { ...weights, skipUpToCount: passCounts.greedy },
    { ...draw, skipUpToCount: passCounts.cached },
  );
}
