// The verdict on a run in words, and the recipe that mends a run which got worse.
import { describe, expect, test } from "vitest";
import { verdictWords } from "../../../src/app/run/verdict-words.ts";
import { mendedRecipe } from "../../../src/app/state/mended-recipe.ts";
import { demoRecipe } from "../../../src/recipe/recipe.ts";
import type { Verdict } from "../../../src/session/protocol.ts";

const at = (step: number, heldOutLoss: number) => ({ step, heldOutLoss });
const level = { fitsItsRows: false, isRateTooHigh: false };
const fitting = { fitsItsRows: true, isRateTooHigh: false };
const rushing = { fitsItsRows: false, isRateTooHigh: true };

test.each<[verdict: Verdict | null, during: string, after: string]>([
  [null, "", ""],
  [
    { kind: "no-rows" },
    "Not measured: no rows are held out.",
    "Not measured: no rows are held out.",
  ],
  [{ kind: "not-yet", start: null }, "", "Not measured."],
  [
    { kind: "not-yet", start: 6.116 },
    "Held-out loss before training: 6.12. Lower is better.",
    "Not measured after training; held-out loss before: 6.12.",
  ],
  [
    { kind: "learned", start: 6.116, lowest: at(120, 0.4412), last: at(180, 0.46), ...fitting },
    "Learning: 6.12 to 0.441; best at step 120, no gain since.",
    "Learned: 6.12 to 0.441; best at step 120, no gain since.",
  ],
  [
    { kind: "learned", start: 6.116, lowest: at(60, 0.44), last: at(60, 0.44), ...fitting },
    "Learning: 6.12 to 0.440.",
    "Learned: 6.12 to 0.440.",
  ],
  [
    { kind: "learned", start: 2, lowest: at(20, 1.5), last: at(80, 2.5), ...fitting },
    "Learning: 2.00 to 1.50; best at step 20, worse than before training since.",
    "Learned: 2.00 to 1.50; best at step 20, worse than before training since.",
  ],
  [
    { kind: "little", start: 2, lowest: at(20, 1.99), last: at(40, 1.995), ...level },
    "Learned little: 2.000 to 1.995. More steps or a higher learning rate may help.",
    "Learned little: 2.000 to 1.995. More steps or a higher learning rate may help.",
  ],
  [
    { kind: "worse", start: 6.116, lowest: at(60, 6.931), last: at(60, 6.931), ...rushing },
    "Got worse than before training: 6.12 to 6.93. The learning rate is too high.",
    "Got worse than before training: 6.12 to 6.93. The learning rate is too high.",
  ],
  [
    { kind: "little", start: 2, lowest: at(20, 1.99), last: at(40, 1.995), ...fitting },
    "Learned little: 2.000 to 1.995. Only the training rows fit better: more rows or fewer steps may help.",
    "Learned little: 2.000 to 1.995. Only the training rows fit better: more rows or fewer steps may help.",
  ],
])("the verdict %o is said plainly, during a run and after it", (verdict, during, after) => {
  expect(verdictWords(verdict, false)).toBe(during);
  expect(verdictWords(verdict, true)).toBe(after);
});

describe("the mended recipe", () => {
  const mend = (learningRate: number, alpha: number, usualRate: number | null) => {
    const { learningRate: rate, ...mended } = mendedRecipe(
      { ...demoRecipe, rank: 8, learningRate, alpha },
      usualRate,
    );
    return [rate, mended.alpha];
  };

  test.each<[rate: number, alpha: number, usual: number | null, mended: [number, number]]>([
    [1, 4096, 5e-3, [5e-3, 16]],
    [1, 4096, null, [0.1, 16]],
    [2e-3, 16, 2e-4, [2e-4, 16]],
    [2e-4, 16, 2e-4, [2e-5, 16]],
    [3e-3, 64, 5e-3, [3e-4, 64]],
    [3e-3, 65, 5e-3, [3e-4, 16]],
  ])("a rate of %d with alpha %d at rank 8 is mended, where %d is usual, to %o", (...given) => {
    const [rate, alpha, usual, mended] = given;
    expect(mend(rate, alpha, usual)).toEqual(mended);
  });

  test("nothing else of the recipe changes", () => {
    const given = { ...demoRecipe, learningRate: 1, alpha: 16 };
    expect(mendedRecipe(given, 5e-3)).toEqual({ ...given, learningRate: 5e-3 });
  });
});
