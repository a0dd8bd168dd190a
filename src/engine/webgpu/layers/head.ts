// From the last layer to the loss and back: final norm, head and cross-entropy over the supervised
// rows alone, a chunk at a time, so that no more logits exist than a chunk's.
import { scratch, type Dispatch, type Tensor } from "../../../gpu/plan.ts";
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
import { embeddingName, finalNormName, headName } from "../../../model/tensors.ts";
import type { BatchTables } from "../batch-tables.ts";
import { pauseForChunk, type Exchange } from "../exchange.ts";
import { vectorOf, weightOf, type ModelTensors } from "../model-tensors.ts";
import type { ModelConfig } from "../../../model/config/model-config.ts";

/** Logits of a chunk take at most this much. */
const chunkBytes = 32 * 1024 ** 2;
const mostChunkRows = 128;

/** Supervised rows of a chunk. */
export function chunkRowsOf({ vocabSize }: ModelConfig, tokens: number): number {
  const fitting = Math.floor(chunkBytes / (4 * logitStride(vocabSize)) / 8) * 8;
  return Math.min(tokens, mostChunkRows, Math.max(8, fitting));
}

export interface HeadCall {
  model: ModelTensors;
  tables: BatchTables;
  /** [tokens, hidden] above the last layer. */
  x: Tensor;
  /** Where the gradient of the logits comes from elsewhere. */
  exchange?: Exchange;
}

/** Adds the batch's loss to the metrics; answers dx [tokens, hidden]. */
export function lossAndGradient(call: HeadCall, out: Dispatch[]): Tensor {
  const { model, tables } = call;
  const dx = scratch("d hidden", tables.tokens * model.config.hiddenSize);
  out.push(clear(tables.tokens * model.config.hiddenSize, { x: dx }));
  forChunks(call, out, (chunk, losses) => {
    if (call.exchange === undefined) {
      out.push(crossEntropy(shapeOf(call, chunk), tensorsOf(call, chunk, losses)));
    } else {
      pauseForChunk(call.exchange, tables, chunk, out);
    }
    backwardChunk(call, chunk, dx, out);
  });
  return dx;
}

/** Adds the batch's loss to the metrics. */
export function lossOnly(call: HeadCall, out: Dispatch[]): void {
  forChunks(call, out, (chunk, losses) => {
    out.push(crossEntropyLoss(shapeOf(call, chunk), tensorsOf(call, chunk, losses)));
  });
}

function shapeOf({ model }: HeadCall, { first, count }: Chunk): ChunkShape {
  const { vocabSize: vocabulary, logitSoftcap: softcap } = model.config;
  return { firstRow: first, rows: count, vocabulary, softcap };
}

function tensorsOf({ tables }: HeadCall, { logits }: Chunk, losses: Tensor): ChunkTensors {
  return { targets: tables.view("targets"), logits, losses };
}

interface Chunk {
  first: number;
  count: number;
  /** [count, hidden] of the supervised rows, before and after the norm. */
  rows: Tensor;
  rstd: Tensor;
  logits: Tensor;
}

function forChunks(
  { model, tables, x, exchange }: HeadCall,
  out: Dispatch[],
  visit: (chunk: Chunk, losses: Tensor) => void,
): void {
  const { hiddenSize: width, vocabSize } = model.config;
  const quads = Math.ceil(tables.tokens / 4) * 4;
  const losses = exchange?.losses ?? scratch("losses", quads);
  out.push(clear(quads, { x: losses }));
  const chunkRows = chunkRowsOf(model.config, tables.tokens);
  for (let first = 0; first < tables.tokens; first += chunkRows) {
    const count = Math.min(chunkRows, tables.tokens - first);
    const rows = scratch("supervised rows", count * width);
    const logits = exchange?.logits ?? scratch("logits", count * logitStride(vocabSize));
    const supervised = { rows: tables.view("supervised"), x, y: rows };
    out.push(gatherRows({ first, count, width }, supervised));
    const { normed, rstd } = finalNorm(model, rows, count, first, out);
    out.push(
      linear(count, {
        x: normed,
        weight: headOf(model),
        y: logits,
        tile: model.tiles.wide,
        skipUpToCount: first,
      }),
    );
    visit({ first, count, rows, rstd, logits }, losses);
  }
  out.push(lossSum(tables.tokens, { losses, metrics: model.metrics }));
}

function backwardChunk(
  { model, tables }: HeadCall,
  { first, count, rows, rstd, logits }: Chunk,
  dx: Tensor,
  out: Dispatch[],
): void {
  const { hiddenSize: width, normOffset: offset } = model.config;
  const dNormed = scratch("d normed rows", count * width);
  const dRows = scratch("d rows", count * width);
  const skipUpToCount = first;
  const weight = vectorOf(model, finalNormName);
  out.push(
    linearBackward(count, {
      x: logits,
      weight: headOf(model),
      y: dNormed,
      tile: model.tiles.wideBackward,
      skipUpToCount,
    }),
    {
      ...rmsNormBackward(
        { rows: count, width, offset },
        { x: rows, weight, rstd, dy: dNormed, dx: dRows },
      ),
      skipUpToCount,
    },
    scatterAddRows({ first, count, width }, { rows: tables.view("supervised"), x: dx, y: dRows }),
  );
}

/** The norm below the head. @param first supervised row of the chunk; -1 is always done */
export function finalNorm(
  model: ModelTensors,
  x: Tensor,
  rows: number,
  first: number,
  out: Dispatch[],
): { normed: Tensor; rstd: Tensor } {
  const { hiddenSize: width, normOffset: offset, rmsNormEps: epsilon } = model.config;
  const normed = scratch("normed rows", rows * width);
  const rstd = scratch("scale of rows", rows);
  const tensors = { x, weight: vectorOf(model, finalNormName), y: normed, rstd };
  out.push({ ...rmsNorm({ rows, width, offset, epsilon }, tensors), skipUpToCount: first });
  return { normed, rstd };
}

export function headOf(model: ModelTensors) {
  return weightOf(model, model.config.tieWordEmbeddings ? embeddingName : headName);
}
