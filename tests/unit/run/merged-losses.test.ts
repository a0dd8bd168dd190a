// What the three losses of a merged model say.
import { describe, expect, test } from "vitest";
import { mergedVerdict } from "../../../src/run/merged-losses.ts";

describe("a merged model", () => {
  test.each([
    ["the same", { base: 3, adapter: 1, merged: 1 }],
    ["a little worse", { base: 3, adapter: 1, merged: 1.15 }],
    ["better", { base: 3, adapter: 1, merged: 0.9 }],
    ["a little worse where nothing was learned", { base: 3, adapter: 3, merged: 3.05 }],
  ])("that is %s is as good as base and adapter", (_, losses) => {
    expect(mergedVerdict(losses, "Q4_0")).toEqual({
      isWorse: false,
      words: "Merged in Q4_0, the model is as good as base and adapter.",
    });
  });

  test.each([
    ["loses what was learned", { base: 3, adapter: 1, merged: 1.5 }, "loses 25 % of what was"],
    ["is worse than its base", { base: 3, adapter: 1, merged: 4 }, "loses 100 % of what was"],
    ["was not trained", { base: 3, adapter: 2.99, merged: 3.2 }, "is worse by 0.210. Choose"],
  ])("in few bits that %s is said to be worse, with what to do", (_, losses, words) => {
    const verdict = mergedVerdict(losses, "Q4_0");
    expect(verdict.isWorse).toBe(true);
    expect(verdict.words).toContain(words);
    expect(verdict.words).toContain("Choose a type of more bits");
    expect(mergedVerdict(losses, "F16").words).not.toContain("more bits");
  });
});
