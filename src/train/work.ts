// What a whole run computes, counted before it begins: steps, batches, passes over the data.
import { batchLength } from "../data/batching/batch.ts";
import { packRows } from "../data/batching/packing.ts";
import { epochOrder, type Dataset } from "../data/dataset.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { ComputedTokens } from "../engine/computed-tokens.ts";
import { heldOutBatchCount, rowTokensOf, stepsInEpoch, totalStepsOf } from "./batches.ts";

export interface RunWork {
  steps: number;
  microBatches: number;
  /** Passes over the training rows, fractional. */
  epochs: number;
  /** Training rows that are used at least once. */
  rowsUsed: number;
  /** Held-out losses, the one before the first step included. */
  evaluations: number;
  /** Batches of one held-out loss. */
  heldOutBatches: number;
}

/** The work of a run to its last step, none stopped early. */
export function workOf(dataset: Dataset, recipe: Recipe): RunWork {
  const steps = totalStepsOf(dataset, recipe);
  const heldOutBatches = heldOutBatchCount(dataset, recipe, batchLength(dataset.longestRow));
  return {
    steps,
    ...(recipe.packing ? packedPasses(dataset, recipe, steps) : passes(dataset, recipe, steps)),
    evaluations: heldOutBatches === 0 ? 0 : evaluationsOf(recipe, steps),
    heldOutBatches,
  };
}

/** Tokens that an engine computes. */
export interface WorkTokens {
  /** For all training micro-batches of the run. */
  training: number;
  /** For all its held-out losses. */
  heldOut: number;
}

/**
 * Counted over the micro-batches of the first epoch, at most those of the run: later epochs have
 * the same rows in another order.
 */
export function tokensOf(
  dataset: Dataset,
  recipe: Recipe,
  work: RunWork,
  computed: ComputedTokens,
): WorkTokens {
  const length = batchLength(dataset.longestRow);
  const first = epochOrder(dataset.train, 0, recipe);
  let [training, counted] = [0, 0];
  for (const rowTokens of rowTokensOf(first, recipe, length)) {
    if (counted === work.microBatches) {
      break;
    }
    training += computed(rowTokens);
    counted++;
  }
  let heldOut = 0;
  for (const rowTokens of rowTokensOf(dataset.heldOut, recipe, length)) {
    heldOut += computed(rowTokens);
  }
  return {
    training: counted === 0 ? 0 : (training / counted) * work.microBatches,
    heldOut: heldOut * work.evaluations,
  };
}

type Passes = Pick<RunWork, "microBatches" | "epochs" | "rowsUsed">;

function passes(dataset: Dataset, recipe: Recipe, steps: number): Passes {
  const { batchSize, gradientAccumulationSteps } = recipe;
  const rows = dataset.train.length;
  const inEpoch = stepsInEpoch(dataset, recipe, 0);
  const wholeEpochs = Math.floor(steps / inEpoch);
  const stepsLeft = steps - wholeEpochs * inEpoch;
  const batchesOfEpoch = Math.ceil(rows / batchSize);
  const batchesLeft = Math.min(batchesOfEpoch, stepsLeft * gradientAccumulationSteps);
  return {
    microBatches: wholeEpochs * batchesOfEpoch + batchesLeft,
    epochs: steps / inEpoch,
    rowsUsed: wholeEpochs > 0 ? rows : Math.min(rows, batchesLeft * batchSize),
  };
}

/** Packed batches take as many rows as fit, so they are packed to be counted. */
function packedPasses(dataset: Dataset, recipe: Recipe, steps: number): Passes {
  const { batchSize, gradientAccumulationSteps } = recipe;
  const length = batchLength(dataset.longestRow);
  const rows = dataset.train.length;
  let [microBatches, epoch, row] = [0, 0, 0];
  for (let step = 0; step < steps; step++) {
    if (row === rows) {
      epoch++;
      row = 0;
    }
    const order = epochOrder(dataset.train, epoch, recipe);
    for (let micro = 0; micro < gradientAccumulationSteps && row < rows; micro++) {
      row = packRows(order, row, batchSize, length).end;
      microBatches++;
    }
  }
  return {
    microBatches,
    epochs: epoch + row / rows,
    rowsUsed: epoch > 0 ? rows : row,
  };
}

/** At the start, every `evalSteps` steps, and at the end. */
function evaluationsOf({ evalSteps }: Recipe, steps: number): number {
  const between = evalSteps === 0 ? 0 : Math.floor((steps - 1) / evalSteps);
  return 2 + between;
}
