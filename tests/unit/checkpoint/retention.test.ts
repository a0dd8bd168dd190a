// What stays of a run.
import { describe, expect, test } from "vitest";
import { bestKey, expendableKeys } from "../../../src/checkpoint/retention.ts";

/** Newest first, as step and held-out loss. */
function generations(...list: [number, number | null][]) {
  return list.map(([step, heldOutLoss], i) => ({ key: `${step}#${i}`, step, heldOutLoss }));
}

describe("bestKey", () => {
  test("bestKey is the lowest held-out loss, the newer of equals, null without any", () => {
    expect(bestKey(generations([30, 2], [20, 1], [10, 3]))).toBe("20#1");
    expect(bestKey(generations([30, 1], [20, 1]))).toBe("30#0");
    expect(bestKey(generations([30, null], [20, 5]))).toBe("20#1");
    expect(bestKey(generations([30, null]))).toBeNull();
  });
});

describe("expendableKeys", () => {
  test("expendableKeys excludes the newest and the best", () => {
    const list = generations([60, 3], [50, 2.5], [40, 2], [30, 1.5], [20, 1], [10, 2]);
    expect(expendableKeys(list, 3)).toEqual(["30#3", "10#5"]);
  });

  test("expendableKeys is empty within the limit, and the others when the best is among the newest", () => {
    expect(expendableKeys(generations([20, 1], [10, 2]), 2)).toEqual([]);
    expect(expendableKeys(generations([20, 1], [10, 2]), 1)).toEqual(["10#1"]);
  });

  test("expendableKeys keeps the newer of two saves at one step", () => {
    const list = generations([20, null], [20, null], [10, null]);
    expect(expendableKeys(list, 2)).toEqual(["20#1"]);
  });
});
