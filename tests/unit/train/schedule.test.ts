// The learning rate of every step against transformers' schedules.
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { learningRateAt, warmupStepsOf } from "../../../src/train/schedule.ts";

interface GoldenCase {
  schedule: Recipe["schedule"];
  totalSteps: number;
  /** As given; below 1 a share. */
  warmup: number;
  warmupSteps: number;
  factors: number[];
}

const path = new URL("../../golden/schedule.json", import.meta.url);
const { cases } = JSON.parse(await readFile(path, "utf8")) as { cases: GoldenCase[] };

test("the golden file of learning rates has every schedule", () => {
  expect([...new Set(cases.map(({ schedule }) => schedule))]).toEqual([
    "linear",
    "cosine",
    "constant",
  ]);
});

describe.each(cases)(
  "$schedule over $totalSteps steps with warmup $warmup",
  ({ schedule, totalSteps, warmup, warmupSteps, factors }) => {
    test("the learning rates equal transformers' to the last bit", () => {
      const recipe = { learningRate: 4e-3, schedule, warmupSteps: warmup };
      expect(factors).toHaveLength(totalSteps);
      factors.forEach((factor, stepsDone) => {
        const rate = learningRateAt(recipe, stepsDone, totalSteps);
        expect(rate).toBe(4e-3 * factor);
      });
    });

    test("the number of warmup steps equals transformers'", () => {
      expect(warmupStepsOf({ warmupSteps: warmup }, totalSteps)).toBe(warmupSteps);
    });
  },
);

test("a share of warmup is rounded up, a number of steps down", () => {
  const warmup = (warmupSteps: number, total: number) => warmupStepsOf({ warmupSteps }, total);
  expect([0, 0.001, 0.5, 0.99].map((share) => warmup(share, 101))).toEqual([0, 1, 51, 100]);
  expect([1, 2.9, 500].map((steps) => warmup(steps, 101))).toEqual([1, 2, 500]);
});

test("past the last step the learning rate stays at its last value", () => {
  const at = (schedule: Recipe["schedule"]) =>
    learningRateAt({ learningRate: 2, schedule, warmupSteps: 0 }, 15, 10);
  expect([at("linear"), at("constant")]).toEqual([0, 2]);
});
