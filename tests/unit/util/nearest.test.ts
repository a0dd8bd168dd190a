// The name that was probably meant: slips are found, other words are not.
import { expect, test } from "vitest";
import { nearestName } from "../../../src/util/nearest.ts";

const known = ["rank", "alpha", "learningRate", "warmupSteps", "seed"];

test.each([
  ["learning_rate", "learningRate"],
  ["LearningRates", "learningRate"],
  ["lerningRtae", null], // three slips
  ["lerningRat", "learningRate"],
  ["warmup-steps", "warmupSteps"],
  ["rnk", "rank"],
  ["ran", "rank"],
  ["feed", "seed"],
  ["r", null], // a slip may be a third of a word
  ["loss", null],
  ["", null],
  ["seed".repeat(20), null],
])("the name nearest to %j is %j", (given, nearest) => {
  expect(nearestName(given, known)).toBe(nearest);
});
