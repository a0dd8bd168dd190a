// The order of the data: each row once an epoch, steps as transformers counts them, and any cursor
// a place to go on from.
import { describe, expect, test } from "vitest";
import { countTokens, epochOrder } from "../../../src/data/dataset.ts";
import {
  heldOutBatches,
  stepsInEpoch,
  takeStep,
  totalStepsOf,
  type StepBatches,
} from "../../../src/train/batches.ts";
import { defaultRecipe, type Recipe } from "../../../src/recipe/recipe.ts";
import type { DataCursor } from "../../../src/train/state.ts";
import { madeUpDataset } from "./made-up-data.ts";

const length = 16;
const start: DataCursor = { epoch: 0, row: 0 };
const recipeOf = (given: Partial<Recipe>): Recipe => ({ ...defaultRecipe, ...given });

/** Lines of the rows in a step, micro-batch by micro-batch; padding rows left out. */
function linesOf({ microBatches }: StepBatches): number[][] {
  return microBatches.map((batch) =>
    Array.from({ length: batch.rows }, (_, row) => row * length)
      .filter((index) => batch.segments[index] === 1)
      .map((index) => batch.tokens[index]!),
  );
}

/** Sizes that divide, that do not, and that are larger than the data. */
const sizes = [1, 7, 8, 13].flatMap((trainRows) =>
  [1, 3, 8].flatMap((batchSize) =>
    [1, 2, 4].flatMap((gradientAccumulationSteps) =>
      [true, false].map((shuffle) => ({
        trainRows,
        batchSize,
        gradientAccumulationSteps,
        shuffle,
      })),
    ),
  ),
);

describe.each(sizes)(
  "$trainRows rows by $batchSize, accumulated $gradientAccumulationSteps times, shuffle $shuffle",
  ({ trainRows, ...sized }) => {
    const dataset = madeUpDataset(trainRows, 0);
    const recipe = recipeOf({ ...sized, seed: 5 });
    const { batchSize, gradientAccumulationSteps } = recipe;
    const epochs = 3;
    const steps: { from: DataCursor; taken: StepBatches }[] = [];
    for (let cursor = start; cursor.epoch < epochs;) {
      const taken = takeStep(dataset, recipe, length, cursor);
      steps.push({ from: cursor, taken });
      cursor = taken.cursor;
    }

    test("each epoch has each row once, in order, in micro-batches that are full but for the last", () => {
      for (let epoch = 0; epoch < epochs; epoch++) {
        const own = steps.filter(({ from }) => from.epoch === epoch);
        expect(own).toHaveLength(stepsInEpoch(dataset, recipe, epoch));
        const batches = own.flatMap(({ taken }) => linesOf(taken));
        const order = Array.from(epochOrder(dataset.train, epoch, recipe), ({ line }) => line);
        expect(batches.flat()).toEqual(order);
        expect(batches.slice(0, -1).every((lines) => lines.length === batchSize)).toBe(true);
      }
    });

    test("every batch has the run's shape, and no step has more than its micro-batches", () => {
      for (const { taken } of steps) {
        expect(taken.microBatches.length).toBeLessThanOrEqual(gradientAccumulationSteps);
        for (const batch of taken.microBatches) {
          expect(batch).toMatchObject({ rows: batchSize, length });
          expect(batch.supervisedTokens).toBeGreaterThan(0);
        }
      }
    });

    test("the tokens of an epoch are those of the rows, padding left out", () => {
      const all = countTokens(dataset.train);
      const fed = steps.reduce((sum, { taken }) => sum + taken.tokens, 0);
      expect(fed).toBe(epochs * all);
    });

    test("a run resumed at any cursor has the batches of the uninterrupted run", () => {
      for (const [index, { from }] of steps.entries()) {
        let cursor = JSON.parse(JSON.stringify(from)) as DataCursor;
        for (const { taken } of steps.slice(index, index + 3)) {
          const again = takeStep(dataset, recipe, length, cursor);
          expect(again).toEqual(taken);
          cursor = again.cursor;
        }
      }
    });
  },
);

describe("the number of optimizer steps", () => {
  test.each([
    // Rows, rows of a micro-batch, micro-batches of a step: transformers' ceil of ceil.
    [10, 4, 2, 2],
    [16, 4, 2, 2],
    [17, 4, 2, 3],
    [3, 8, 4, 1],
    [320, 8, 1, 40],
    [280, 8, 1, 35],
  ])(
    "the step count of %i rows in batches of %i, %i accumulated, is %i an epoch",
    (rows, batchSize, accumulation, steps) => {
      const recipe = recipeOf({ batchSize, gradientAccumulationSteps: accumulation });
      expect(stepsInEpoch(madeUpDataset(rows, 0), recipe, 0)).toBe(steps);
    },
  );

  test("the step count follows from epochs, rounded up, unless maxSteps is given", () => {
    const total = (given: Partial<Recipe>) =>
      totalStepsOf(
        madeUpDataset(10, 0),
        recipeOf({ batchSize: 2, gradientAccumulationSteps: 1, ...given }),
      );
    expect(total({ epochs: 1 })).toBe(5);
    expect(total({ epochs: 3 })).toBe(15);
    expect(total({ epochs: 1.5 })).toBe(8);
    expect(total({ epochs: 0.01 })).toBe(1);
    expect(total({ epochs: 3, maxSteps: 4 })).toBe(4);
    expect(total({ epochs: 1, maxSteps: 400 })).toBe(400);
  });
});

describe("the held-out batches", () => {
  const byTwo = recipeOf({ batchSize: 2 });

  test("held-out batches have each row once, in order, with padding in the last batch", () => {
    const dataset = madeUpDataset(2, 5);
    const microBatches = heldOutBatches(dataset, byTwo, length);
    expect(microBatches.map(({ rows }) => rows)).toEqual([2, 2, 2]);
    expect(linesOf({ microBatches, tokens: 0, cursor: start })).toEqual([[3, 4], [5, 6], [7]]);
  });

  test("held-out batches are empty without held-out rows", () => {
    expect(heldOutBatches(madeUpDataset(3, 0), byTwo, length)).toEqual([]);
  });
});
