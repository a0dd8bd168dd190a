// What stays of a run.
import { describe, expect, test } from "vitest";
import { bestKey, expendableKeys } from "../../../src/checkpoint/retention.ts";

/** Newest first, as step and held-out loss, of a run whose untrained model has `start`. */
function generations(start: number | null, ...list: [number, number | null][]) {
  const measured = list.map(([step, heldOutLoss], i) => ({
    key: `${step}#${i}`,
    step,
    heldOutLoss,
  }));
  const best = bestKey(measured, start);
  return measured.map((each) => ({ ...each, isBest: each.key === best, isPinned: false }));
}

describe("bestKey", () => {
  test("bestKey is the lowest held-out loss, the newer of equals, null without any", () => {
    expect(bestKey(generations(4, [30, 2], [20, 1], [10, 3]), 4)).toBe("20#1");
    expect(bestKey(generations(4, [30, 1], [20, 1]), 4)).toBe("30#0");
    expect(bestKey(generations(6, [30, null], [20, 5]), 6)).toBe("20#1");
    expect(bestKey(generations(4, [30, null]), 4)).toBeNull();
  });

  test("bestKey is null where the untrained model is as good or better", () => {
    expect(bestKey(generations(1, [30, 2], [20, 1]), 1)).toBeNull();
    expect(bestKey(generations(null, [30, 2], [20, 1]), null)).toBe("20#1");
  });
});

describe("expendableKeys", () => {
  test("expendableKeys excludes the newest and the best", () => {
    const list = generations(4, [60, 3], [50, 2.5], [40, 2], [30, 1.5], [20, 1], [10, 2]);
    expect(expendableKeys(list, 3)).toEqual(["30#3", "10#5"]);
  });

  test("expendableKeys has the lowest loss too where the untrained model is better", () => {
    const list = generations(0.5, [60, 3], [50, 2.5], [40, 2], [30, 1.5], [20, 1], [10, 2]);
    expect(expendableKeys(list, 3)).toEqual(["30#3", "20#4", "10#5"]);
  });

  test("expendableKeys is empty within the limit, and the others when the best is among the newest", () => {
    expect(expendableKeys(generations(4, [20, 1], [10, 2]), 2)).toEqual([]);
    expect(expendableKeys(generations(4, [20, 1], [10, 2]), 1)).toEqual(["10#1"]);
  });

  test("expendableKeys keeps the newer of two saves at one step", () => {
    const list = generations(4, [20, null], [20, null], [10, null]);
    expect(expendableKeys(list, 2)).toEqual(["20#1"]);
  });
});
