// From the last layer to the loss and back: final norm, head and cross-entropy, over the supervised
// rows alone and a chunk of them at a time.
//
// Logits are by far the widest activation (Llama 3: 128,256 values a token), so no more of them
// exist than one chunk's: forward and backward of a chunk are recorded together, and its logits'
// gradient replaces them in place. The idea is that of Cut Cross-Entropy (Wijmans et al. 2024,
// arXiv:2411.09009) and of Liger Kernel's fused linear cross-entropy. A pass with fewer supervised
// rows than tokens skips the chunks past them (`skipUpToCount`).
import { scratch, type Tensor } from "../../../gpu/plan.ts";
import {
  crossEntropy,
  crossEntropyLoss,
  logitStride,
  type ChunkShape,
  type ChunkTensors,
} from "../../../kernels/cross-entropy/kernel.ts";
import { lossSum } from "../../../kernels/loss-sum/kernel.ts";
import { linear, linearBackward } from "../../../kernels/matmul/kernel.ts";
import { rmsNorm, rmsNormBackward } from "../../../kernels/rms-norm/kernel.ts";
import { clear, gatherRows, scatterAddRows } from "../../../kernels/rows/kernel.ts";
import type { StoredWeight } from "../../../kernels/weight-format/format.ts";
import type { ModelConfig } from "../../../model/config/model-config.ts";
import { embeddingName, finalNormName, headName } from "../../../model/tensors.ts";
import { pauseForChunk, type Exchange } from "../exchange.ts";
import type { Recorder } from "../recorder.ts";

/** Most bytes of a chunk's logits, where at least 8 rows fit. */
const chunkBytes = 32 * 1024 ** 2;
const mostChunkRows = 128;

/** Supervised rows of a chunk: a multiple of 8, or all tokens of a small pass. */
export function chunkRowsOf({ vocabSize }: ModelConfig, tokens: number): number {
  const fitting = Math.floor(chunkBytes / (4 * logitStride(vocabSize)) / 8) * 8;
  return Math.min(tokens, mostChunkRows, Math.max(8, fitting));
}

export interface HeadCall {
  /** [tokens, hidden] above the last layer. */
  x: Tensor;
  /** Where the gradient of the logits is computed by tfjs. */
  exchange?: Exchange;
}

/** Adds the batch's loss to the metrics. @returns its gradient with respect to x */
export function lossAndGradient(recorder: Recorder, call: HeadCall): Tensor {
  const { hiddenSize } = recorder.config;
  const dx = recorder.activation("d hidden", hiddenSize);
  recorder.push(clear(recorder.tokens * hiddenSize, { x: dx }));
  forChunks(recorder, call, (chunk, losses) => {
    if (call.exchange === undefined) {
      const tensors = { ...tensorsOf(recorder, chunk, losses), ...recorder.tables.targetWeights };
      recorder.push(crossEntropy(shapeOf(recorder, chunk), tensors));
    } else {
      pauseForChunk(recorder, call.exchange, chunk);
    }
    backwardChunk(recorder, chunk, dx);
  });
  return dx;
}

/** Adds the batch's cross-entropy to the metrics, without weights. */
export function lossOnly(recorder: Recorder, call: HeadCall): void {
  forChunks(recorder, call, (chunk, losses) => {
    recorder.push(crossEntropyLoss(shapeOf(recorder, chunk), tensorsOf(recorder, chunk, losses)));
  });
}

function shapeOf({ config }: Recorder, { first, count }: Chunk): ChunkShape {
  const { vocabSize: vocabulary, logitSoftcap: softcap } = config;
  return { firstRow: first, rows: count, vocabulary, softcap };
}

function tensorsOf({ tables }: Recorder, { logits }: Chunk, losses: Tensor): ChunkTensors {
  return { targets: tables.view("targets"), logits, losses };
}

interface Chunk {
  /** Its first supervised row, and how many. */
  first: number;
  count: number;
  /** [count, hidden]: the supervised rows of x. */
  rows: Tensor;
  /** Scale of the final norm, [count]. */
  rstd: Tensor;
  /** [count, stride] */
  logits: Tensor;
}

/** Records rows, norm and logits of each chunk, what `visit` does with them, and the loss sum. */
function forChunks(
  recorder: Recorder,
  { x, exchange }: HeadCall,
  visit: (chunk: Chunk, losses: Tensor) => void,
): void {
  const { config, tables, tokens, mostTokens, model } = recorder;
  const { hiddenSize: width, vocabSize } = config;
  const quads = Math.ceil(tokens / 4) * 4;
  const losses = exchange?.losses ?? scratch("losses", quads);
  recorder.push(clear(quads, { x: losses }));
  const chunkRows = chunkRowsOf(config, mostTokens);
  for (let first = 0; first < mostTokens; first += chunkRows) {
    const most = Math.min(chunkRows, mostTokens - first);
    // A tensor of tfjs has one size. A chunk past the tokens is left out of the run.
    const count = exchange !== undefined || first >= tokens ? most : Math.min(most, tokens - first);
    const rows = scratch("supervised rows", count * width);
    const logits = exchange?.logits ?? scratch("logits", count * logitStride(vocabSize));
    const supervised = { rows: tables.view("supervised"), x, y: rows };
    recorder.push(gatherRows({ first, count, width }, supervised));
    const { normed, rstd } = finalNorm(recorder, { x: rows, rows: count, skipUpToCount: first });
    const weight = headOf(recorder);
    const tile = model.tiles.wide;
    recorder.push(linear(count, { x: normed, weight, y: logits, tile, skipUpToCount: first }));
    visit({ first, count, rows, rstd, logits }, losses);
  }
  recorder.push(lossSum(tokens, { losses, metrics: model.metrics }));
}

/** dx[supervised rows] += the gradient of the logits, through head and norm. */
function backwardChunk(
  recorder: Recorder,
  { first, count, rows, rstd, logits }: Chunk,
  dx: Tensor,
): void {
  const { config, model, tables } = recorder;
  const { hiddenSize: width, normOffset: offset } = config;
  const dNormed = scratch("d normed rows", count * width);
  const dRows = scratch("d rows", count * width);
  const skipUpToCount = first;
  const weight = recorder.vector(finalNormName);
  const throughHead = {
    x: logits,
    weight: headOf(recorder),
    y: dNormed,
    tile: model.tiles.wideBackward,
  };
  const throughNorm = { x: rows, weight, rstd, dy: dNormed, dx: dRows };
  recorder.push(
    linearBackward(count, { ...throughHead, skipUpToCount }),
    { ...rmsNormBackward({ rows: count, width, offset }, throughNorm), skipUpToCount },
    scatterAddRows({ first, count, width }, { rows: tables.view("supervised"), x: dx, y: dRows }),
  );
}

export interface FinalNormCall {
  /** [rows, hidden] */
  x: Tensor;
  rows: number;
  /** See Dispatch; left out, the norm is always computed. */
  skipUpToCount?: number;
}

/** The norm below the head: [rows, hidden], and its scale [rows]. */
export function finalNorm(
  recorder: Recorder,
  { x, rows, skipUpToCount = -1 }: FinalNormCall,
): { normed: Tensor; rstd: Tensor } {
  const { hiddenSize: width, normOffset: offset, rmsNormEps: epsilon } = recorder.config;
  const normed = scratch("normed rows", rows * width);
  const rstd = scratch("scale of rows", rows);
  const tensors = { x, weight: recorder.vector(finalNormName), y: normed, rstd };
  recorder.push({ ...rmsNorm({ rows, width, offset, epsilon }, tensors), skipUpToCount });
  return { normed, rstd };
}

/** [vocabulary, hidden]; a tied head is the embedding. */
export function headOf(recorder: Recorder): StoredWeight {
  return recorder.weight(recorder.config.tieWordEmbeddings ? embeddingName : headName);
}
