// Replays the golden run of rows with weights on an engine: batches as the page makes them, padded
// or packed, and the curve that PyTorch has.
import type { AdapterState } from "../../src/adapter/state.ts";
import { fillBatch, type TokenBatch } from "../../src/data/batching/batch.ts";
import type { Engine, StepHyper } from "../../src/engine/contract.ts";
import { openSafetensors } from "../../src/formats/safetensors.ts";
import { blobSource } from "../../src/formats/byte-source.ts";
import { openGolden, type Golden, type GoldenBatch, type ReadFixture } from "./golden.ts";

type WeightedBatch = GoldenBatch & { weights: number[] };
type Hyper = Omit<StepHyper, "step" | "learningRate" | "seed">;
interface GoldenCurve {
  loss64: number[];
  gradNorm64: number[];
}

interface WeightedRun {
  hyper: Hyper;
  heldOut: { batch: GoldenBatch; lossBefore64: number; lossAfter64: number };
  /** Share that label smoothing spreads, and the curve with it. */
  smoothing: number;
  smoothed: GoldenCurve;
  /** The negative control: sum(w * CE) / sum(|w|) over tokens. */
  tokenMean: GoldenCurve;
  steps: {
    learningRate: number;
    loss64: number;
    gradNorm64: number;
    microBatches: WeightedBatch[];
  }[];
}

export interface WeightedGolden {
  /** Model and first adapter. */
  golden: Golden;
  run: WeightedRun;
  expected: GoldenCurve;
  final: AdapterState;
}

/** Of the step whose rows all weigh 0, from 0. */
export const emptyStep = 6;

export async function openWeighted(read: ReadFixture): Promise<WeightedGolden> {
  const golden = await openGolden("gqa-untied", read);
  const text = await (await read("weighted-rows/run.json")).text();
  const run = JSON.parse(text) as WeightedRun;
  const adapter = "weighted-rows/adapter-final.safetensors";
  const file = await openSafetensors(blobSource(await read(adapter), adapter));
  const tensors = golden.initial.tensors.map(async (tensor) => ({
    ...tensor,
    values: await file.readFloat32(tensor.name),
  }));
  const expected = {
    loss64: run.steps.map(({ loss64 }) => loss64),
    gradNorm64: run.steps.map(({ gradNorm64 }) => gradNorm64),
  };
  return { golden, run, expected, final: { tensors: await Promise.all(tensors) } };
}

function rowsOf({ inputIds, labels, attentionMask, weights }: WeightedBatch) {
  return inputIds.map((ids, row) => {
    const length = attentionMask[row]!.filter((place) => place === 1).length;
    return {
      tokens: ids.slice(0, length),
      isTrained: labels[row]!.slice(0, length).map((label) => label !== -100),
      weight: weights[row]!,
    };
  });
}

/** Three rows of 16 tokens. */
export function padded(batch: WeightedBatch): TokenBatch {
  return fillBatch(
    rowsOf(batch).map((row) => [row]),
    3,
    16,
  );
}

/** The same examples in one row of as many tokens. */
export function packed(batch: WeightedBatch): TokenBatch {
  return fillBatch([rowsOf(batch)], 1, 48);
}

/** Each row is a micro-batch of its own. */
export function apart(batch: WeightedBatch): TokenBatch[] {
  return rowsOf(batch).map((row) => fillBatch([[row]], 1, 16));
}

export interface WeightedCurve {
  losses: number[];
  gradNorms: number[];
  state: AdapterState;
}

/** Replays the steps from `from` to `until`, from 0. */
export async function replayWeighted(
  { run }: WeightedGolden,
  engine: Engine,
  batchesOf: (batch: WeightedBatch) => TokenBatch | TokenBatch[] = padded,
  from = 0,
  until = run.steps.length,
): Promise<WeightedCurve> {
  const losses: number[] = [];
  const gradNorms: number[] = [];
  for (const [index, { learningRate, microBatches }] of run.steps.entries()) {
    if (index >= from && index < until) {
      const hyper = { ...run.hyper, step: index + 1, learningRate, seed: 7 };
      const batches = microBatches.flatMap(batchesOf);
      const { lossSum, lossWeight, gradNorm } = await engine.step(batches, hyper);
      losses.push(lossSum / lossWeight);
      gradNorms.push(gradNorm);
    }
  }
  return { losses, gradNorms, state: await engine.readState() };
}

/** Largest relative error over the steps; infinite where a 0 is not 0. */
export function curveError(actual: readonly number[], expected: readonly number[]): number {
  return Math.max(
    ...expected.map((value, step) => {
      const error = Math.abs((actual[step] ?? NaN) - value);
      return value === 0 ? (error === 0 ? 0 : Infinity) : error / Math.abs(value);
    }),
  );
}
