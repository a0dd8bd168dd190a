// The order of the training data: epochs, steps and micro-batches, with a cursor that a checkpoint
// saves.
import { batchLength, fillBatch, type TokenBatch } from "../data/batching/batch.ts";
import { countTokens, epochIndexes, epochOrder, type Dataset } from "../data/dataset.ts";
import { packRows, type Packed } from "../data/batching/packing.ts";
import type { TokenRows } from "../data/token-rows.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { DataCursor, TrainerState } from "./state.ts";

type SplitRecipe = Pick<Recipe, "batchSize" | "packing">;
type StepRecipe = SplitRecipe & Pick<Recipe, "gradientAccumulationSteps" | "shuffle" | "seed">;
type RunRecipe = StepRecipe & Pick<Recipe, "epochs" | "maxSteps">;

/**
 * Optimizer steps in one epoch; the last may have fewer rows. Rounded up twice, rows to
 * micro-batches and micro-batches to steps, as transformers' Trainer does.
 */
export function stepsInEpoch(
  dataset: Pick<Dataset, "train" | "longestRow">,
  recipe: StepRecipe,
  epoch: number,
): number {
  const microBatches = recipe.packing
    ? countPacked(epochOrder(dataset.train, epoch, recipe), recipe, batchLength(dataset.longestRow))
    : Math.ceil(dataset.train.length / recipe.batchSize);
  return Math.ceil(microBatches / recipe.gradientAccumulationSteps);
}

/**
 * `maxSteps`, or the steps of `epochs` passes, rounded up. With packing the number of rows depends
 * on the order of the examples, so each shuffled epoch is counted separately; a fraction of an
 * epoch counts as that fraction of its steps.
 */
export function totalStepsOf(dataset: Dataset, recipe: RunRecipe): number {
  if (recipe.maxSteps > 0) {
    return recipe.maxSteps;
  }
  if (!recipe.packing || !recipe.shuffle) {
    return Math.ceil(recipe.epochs * stepsInEpoch(dataset, recipe, 0));
  }
  let steps = 0;
  for (let epoch = 0; epoch < recipe.epochs; epoch++) {
    steps += Math.min(1, recipe.epochs - epoch) * stepsInEpoch(dataset, recipe, epoch);
  }
  return Math.ceil(steps);
}

/**
 * Passes over the data so far, fractional: by steps, or by examples with packing, where epochs
 * differ in steps.
 */
export function epochsDone(
  dataset: Dataset,
  recipe: StepRecipe,
  { step, cursor }: Pick<TrainerState, "step" | "cursor">,
): number {
  return recipe.packing
    ? cursor.epoch + cursor.row / dataset.train.length
    : step / stepsInEpoch(dataset, recipe, 0);
}

export interface StepBatches {
  microBatches: TokenBatch[];
  /** Tokens in them, padding left out. */
  tokens: number;
  /** Where the next step begins. */
  cursor: DataCursor;
}

/** The micro-batches of the step at the cursor; a step never crosses the end of an epoch. */
export function takeStep(
  dataset: Dataset,
  recipe: StepRecipe,
  length: number,
  cursor: DataCursor,
): StepBatches {
  const order = epochOrder(dataset.train, cursor.epoch, recipe);
  const microBatches: TokenBatch[] = [];
  let row = cursor.row;
  while (row < order.length && microBatches.length < recipe.gradientAccumulationSteps) {
    const { rows, end } = takeRows(order, row, recipe, length);
    microBatches.push(batchOf(order, rows, recipe.batchSize, length));
    row = end;
  }
  return {
    microBatches,
    tokens: countTokens(order.slice(cursor.row, row)),
    cursor: row < order.length ? { epoch: cursor.epoch, row } : { epoch: cursor.epoch + 1, row: 0 },
  };
}

/** The rows of each step of a run, by their numbers among the training rows. */
export function* stepRows(
  dataset: Dataset,
  recipe: StepRecipe,
  totalSteps: number,
): Generator<number[]> {
  const length = batchLength(dataset.longestRow);
  let [epoch, row] = [0, 0];
  for (let step = 0; step < totalSteps; step++) {
    const order = epochOrder(dataset.train, epoch, recipe);
    const begin = row;
    for (let micro = 0; micro < recipe.gradientAccumulationSteps && row < order.length; micro++) {
      row = takeRows(order, row, recipe, length).end;
    }
    yield [...epochIndexes(order.length, epoch, recipe).subarray(begin, row)];
    [epoch, row] = row < order.length ? [epoch, row] : [epoch + 1, 0];
  }
}

/** All held-out rows in batches of the run's shape. */
export function heldOutBatches(
  { heldOut }: Pick<Dataset, "heldOut">,
  recipe: SplitRecipe,
  length: number,
): TokenBatch[] {
  const batches: TokenBatch[] = [];
  for (let row = 0; row < heldOut.length;) {
    const { rows, end } = takeRows(heldOut, row, recipe, length);
    batches.push(batchOf(heldOut, rows, recipe.batchSize, length));
    row = end;
  }
  return batches;
}

/** How many `heldOutBatches` there are. */
export function heldOutBatchCount(
  { heldOut }: Pick<Dataset, "heldOut">,
  recipe: SplitRecipe,
  length: number,
): number {
  return recipe.packing
    ? countPacked(heldOut, recipe, length)
    : Math.ceil(heldOut.length / recipe.batchSize);
}

/** Tokens of the rows of each micro-batch, in their order, as the batches above have them. */
export function* rowTokensOf(
  order: TokenRows,
  recipe: SplitRecipe,
  length: number,
): Generator<number[]> {
  for (let row = 0; row < order.length;) {
    const { rows, end } = takeRows(order, row, recipe, length);
    yield rows.map((sharing) => sharing.reduce((sum, index) => sum + order.tokensOf(index), 0));
    row = end;
  }
}

function countPacked(order: TokenRows, { batchSize }: SplitRecipe, length: number): number {
  let count = 0;
  for (let row = 0; row < order.length; count++) {
    row = packRows(order, row, batchSize, length).end;
  }
  return count;
}

/** The examples of the micro-batch at `start`, row by row, by their index in the order. */
function takeRows(
  order: TokenRows,
  start: number,
  { batchSize, packing }: SplitRecipe,
  length: number,
): Packed {
  if (packing) {
    return packRows(order, start, batchSize, length);
  }
  const end = Math.min(start + batchSize, order.length);
  return { rows: Array.from({ length: end - start }, (_, row) => [start + row]), end };
}

function batchOf(
  order: TokenRows,
  rows: readonly (readonly number[])[],
  batchSize: number,
  length: number,
): TokenBatch {
  const examples = rows.map((sharing) => sharing.map((index) => order.at(index)));
  return fillBatch(examples, batchSize, length);
}
