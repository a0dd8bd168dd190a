// Presets by the size of the model, the number of rows and the longest row.
import { describe, expect, test } from "vitest";
import { parseRecipe } from "../../../src/recipe/parse.ts";
import { presetNames, presetsFor, type PresetFacts } from "../../../src/recipe/presets.ts";
import { defaultRecipe, demoRecipe } from "../../../src/recipe/recipe.ts";

const targetModules = [...defaultRecipe.targetModules];
const demo: PresetFacts = {
  isDemo: true,
  parameters: 9.2e5,
  contextLength: 256,
  targetModules,
  rows: 320,
  longestRow: null,
};
const own = (given: Partial<PresetFacts>): PresetFacts => ({
  ...demo,
  isDemo: false,
  contextLength: 8192,
  longestRow: 40,
  ...given,
});
const balanced = (given: Partial<PresetFacts>) => presetsFor(own(given)).Balanced;

test("the demo's data on the demo's model have the demo's recipe, with the modules of the model", () => {
  const { Balanced } = presetsFor({ ...demo, targetModules: ["q_proj"] });
  expect(Balanced).toEqual({ ...demoRecipe, targetModules: ["q_proj"] });
});

test("own data on the demo's model go through the template, by epochs, at the demo's rate", () => {
  const given = { contextLength: 256, rows: 5000, longestRow: 150 };
  expect(balanced(given)).toEqual({
    ...defaultRecipe,
    rank: demoRecipe.rank,
    alpha: demoRecipe.alpha,
    learningRate: demoRecipe.learningRate,
    epochs: 2,
    maxSteps: 0,
    maxLength: 192,
  });
});

describe("the learning rate", () => {
  test.each([
    [3e5, 5e-3],
    [9.2e5, 5e-3],
    [5e6, 2e-3],
    [1e7, 1e-3],
    [3e7, 5e-4],
    [6e7, 3e-4],
    [134_515_008, 2e-4],
    [1.7e9, 2e-4],
  ])("a model of %d parameters learns at %d", (parameters, learningRate) => {
    expect(balanced({ parameters }).learningRate).toBe(learningRate);
  });
});

describe("epochs, batch and steps", () => {
  test.each([
    [1, { batchSize: 1, gradientAccumulationSteps: 1, epochs: 20, maxSteps: 0 }],
    [12, { batchSize: 3, gradientAccumulationSteps: 1, epochs: 20, maxSteps: 0 }],
    [41, { batchSize: 4, gradientAccumulationSteps: 1, epochs: 10, maxSteps: 0 }],
    [100, { batchSize: 4, gradientAccumulationSteps: 1, epochs: 5, maxSteps: 0 }],
    [300, { batchSize: 4, gradientAccumulationSteps: 2, epochs: 3, maxSteps: 0 }],
    [5000, { batchSize: 4, gradientAccumulationSteps: 2, epochs: 2, maxSteps: 0 }],
    [20_000, { batchSize: 4, gradientAccumulationSteps: 2, epochs: 1, maxSteps: 0 }],
    [100_000, { batchSize: 4, gradientAccumulationSteps: 2, epochs: 1, maxSteps: 5000 }],
  ])("%d rows have the batch and epochs of their number", (rows, expected) => {
    expect(balanced({ rows })).toMatchObject(expected);
  });

  test("runs of every number of rows have between 5 and 20,000 steps, more with each preset", () => {
    for (const rows of [1, 2, 5, 13, 19, 20, 49, 50, 199, 200, 999, 1000, 9999, 10_000, 1e6]) {
      const presets = presetsFor(own({ rows }));
      const steps = presetNames.map((name) => {
        const { epochs, maxSteps, batchSize, gradientAccumulationSteps } = presets[name];
        return maxSteps || (epochs * rows) / (batchSize * gradientAccumulationSteps);
      });
      expect(steps, String(rows)).toEqual(steps.toSorted((a, b) => a - b));
      expect(steps[0], String(rows)).toBeGreaterThanOrEqual(5);
      expect(steps[2], String(rows)).toBeLessThanOrEqual(20_000);
    }
  });
});

describe("max length", () => {
  test.each([
    [20, 8192, 64],
    [64, 8192, 64],
    [65, 8192, 128],
    [700, 8192, 704],
    [3000, 8192, 1024],
    [3000, 512, 512],
    [100, 256, 128],
  ])("rows of up to %d tokens and a context of %d have %d", (longestRow, contextLength, length) => {
    expect(balanced({ longestRow, contextLength }).maxLength).toBe(length);
  });

  test("texts that become windows have windows of 1,024 tokens, or the context", () => {
    expect(balanced({ longestRow: null }).maxLength).toBe(1024);
    expect(balanced({ longestRow: null, contextLength: 256 }).maxLength).toBe(256);
  });
});

test("every preset is a recipe that its own parser takes", () => {
  for (const facts of [demo, own({}), own({ rows: 1e6, parameters: 3e7 })]) {
    const presets = presetsFor(facts);
    for (const name of presetNames) {
      expect(parseRecipe(structuredClone(presets[name]), defaultRecipe)).toEqual(presets[name]);
    }
  }
});
