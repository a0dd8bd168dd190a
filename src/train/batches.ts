// The order in which training data is used: epochs, micro-batches, steps, and a cursor that a checkpoint can hold.
import { padBatch, type TokenBatch } from "../data/batch.ts";
import { epochOrder, type Dataset } from "../data/dataset.ts";
import type { Recipe } from "./recipe.ts";
import type { DataCursor } from "./state.ts";

type BatchRecipe = Pick<
  Recipe,
  "batchSize" | "gradientAccumulationSteps" | "shuffle" | "seed" | "epochs" | "maxSteps"
>;

/** Optimizer steps in one epoch; the last may hold fewer rows (transformers Trainer: ceil of ceil). */
export function stepsPerEpoch(trainRows: number, recipe: BatchRecipe): number {
  const microBatches = Math.ceil(trainRows / recipe.batchSize);
  return Math.ceil(microBatches / recipe.gradientAccumulationSteps);
}

/** `maxSteps`, or as many steps as `epochs` give, rounded up. */
export function totalStepsOf(trainRows: number, recipe: BatchRecipe): number {
  return recipe.maxSteps > 0
    ? recipe.maxSteps
    : Math.ceil(recipe.epochs * stepsPerEpoch(trainRows, recipe));
}

export interface StepBatches {
  microBatches: TokenBatch[];
  /** Tokens in them, padding left out. */
  tokens: number;
  /** Where the next step begins. */
  cursor: DataCursor;
}

/** The micro-batches of the step at the cursor; a step never reaches into the next epoch. */
export function takeStep(
  dataset: Dataset,
  recipe: BatchRecipe,
  length: number,
  cursor: DataCursor,
): StepBatches {
  const order = epochOrder(dataset.train, cursor.epoch, recipe);
  const { batchSize, gradientAccumulationSteps } = recipe;
  const end = Math.min(cursor.row + batchSize * gradientAccumulationSteps, order.length);
  const microBatches: TokenBatch[] = [];
  let tokens = 0;
  for (let row = cursor.row; row < end; row += batchSize) {
    const rows = order.slice(row, Math.min(row + batchSize, end));
    tokens += rows.reduce((sum, example) => sum + example.tokens.length, 0);
    microBatches.push(padBatch(rows, batchSize, length));
  }
  const isEpochOver = end >= order.length;
  return {
    microBatches,
    tokens,
    cursor: isEpochOver ? { epoch: cursor.epoch + 1, row: 0 } : { epoch: cursor.epoch, row: end },
  };
}

/** All held-out rows in batches of the run's shape. */
export function heldOutBatches(dataset: Dataset, batchSize: number, length: number): TokenBatch[] {
  const starts = Array.from(
    { length: Math.ceil(dataset.heldOut.length / batchSize) },
    (_, index) => index * batchSize,
  );
  return starts.map((start) =>
    padBatch(dataset.heldOut.slice(start, start + batchSize), batchSize, length),
  );
}
