// The work of a run, counted before it, is what the training loop then asks of an engine.
import { describe, expect, test } from "vitest";
import type { Engine } from "../../../src/engine/contract.ts";
import { rowTokens } from "../../../src/data/batching/batch.ts";
import { defaultRecipe, type Recipe } from "../../../src/recipe/recipe.ts";
import { initialState, train } from "../../../src/train/trainer.ts";
import { tokensOf, workOf } from "../../../src/train/work.ts";
import { madeUpDataset } from "./made-up-data.ts";

const { signal } = new AbortController();

/** Computes all rows of a micro-batch together, in whole eights. */
const inEights = (tokensOfRows: readonly number[]) =>
  8 * Math.ceil(tokensOfRows.reduce((sum, tokens) => sum + tokens, 0) / 8);

/** Counts what the training loop asks of an engine, and which rows it is given. */
async function askedFor(trainRows: number, heldOutRows: number, given: Partial<Recipe>) {
  const dataset = madeUpDataset(trainRows, heldOutRows, 1000);
  // Every loss is the same here, which would stop the run early.
  const recipe = { ...defaultRecipe, earlyStoppingPatience: 0, ...given };
  const asked = { steps: 0, microBatches: 0, evaluated: 0, training: 0, heldOut: 0 };
  const rows = new Set<number>();
  const engine: Pick<Engine, "step" | "evaluate"> = {
    step(microBatches) {
      asked.steps++;
      asked.microBatches += microBatches.length;
      for (const batch of microBatches) {
        const { tokens, positions, segments } = batch;
        asked.training += inEights(rowTokens(batch));
        tokens.forEach((token, place) => {
          if (positions[place] === 0 && segments[place] !== 0) {
            rows.add(token);
          }
        });
      }
      return Promise.resolve({ lossSum: 1, lossWeight: 1, supervisedTokens: 1, gradNorm: 1 });
    },
    evaluate(batch) {
      asked.evaluated++;
      asked.heldOut += inEights(rowTokens(batch));
      return Promise.resolve({ lossSum: 1, supervisedTokens: 1 });
    },
  };
  const state = initialState(dataset, recipe);
  const steps = train(engine as Engine, dataset, recipe, state, true, signal);
  let epochs = 0;
  for await (const { entry } of steps) {
    epochs = entry.epoch;
  }
  const work = workOf(dataset, recipe);
  const tokens = tokensOf(dataset, recipe, work, inEights);
  return { work, tokens, asked, rowsUsed: rows.size, epochs };
}

describe("the work of a run", () => {
  test.each<[string, number, number, Partial<Recipe>]>([
    ["whole epochs", 20, 4, { epochs: 2, batchSize: 4, evalSteps: 3 }],
    ["a last batch and a last step that are not full", 19, 5, { epochs: 3, batchSize: 4 }],
    ["a part of an epoch", 50, 4, { epochs: 0.3, batchSize: 2, gradientAccumulationSteps: 3 }],
    ["one epoch and a part", 19, 4, { maxSteps: 4, batchSize: 4, gradientAccumulationSteps: 2 }],
    ["no held-out rows", 9, 0, { epochs: 1, evalSteps: 1 }],
    ["no losses in between", 9, 3, { epochs: 4, evalSteps: 0 }],
    ["a loss after each step", 9, 3, { epochs: 4, evalSteps: 1 }],
    ["packing", 31, 7, { packing: true, epochs: 2.5, batchSize: 2, shuffle: true }],
    ["packing, in order", 31, 7, { packing: true, epochs: 2, batchSize: 1, shuffle: false }],
    ["packing, a part", 60, 7, { packing: true, maxSteps: 5, gradientAccumulationSteps: 2 }],
  ])("%s: steps, batches, losses, rows and epochs are counted", async (_, rows, heldOut, given) => {
    const { work, tokens, asked, rowsUsed, epochs } = await askedFor(rows, heldOut, given);
    expect(tokens.heldOut).toBe(asked.heldOut);
    // Those of later epochs are taken to be like those of the first.
    const gap = Math.abs(tokens.training / asked.training - 1);
    expect(gap).toBeLessThan(epochs <= 1 ? 1e-12 : 0.1);
    expect(work).toMatchObject({ steps: asked.steps, microBatches: asked.microBatches, rowsUsed });
    expect(work.evaluations * work.heldOutBatches).toBe(asked.evaluated);
    expect(work.epochs).toBeCloseTo(epochs, 10);
  });
});
