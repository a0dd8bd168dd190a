// What the held-out losses in a log say of a run.
import { describe, expect, test } from "vitest";
import { bestOf, startOf, verdictOf, type Verdict } from "../../../src/train/held-out.ts";
import type { LogEntry } from "../../../src/train/state.ts";

/** A log with a step and its held-out loss each; none for a step that was not evaluated. */
function logOf(...entries: [step: number, heldOutLoss?: number][]): LogEntry[] {
  return entries.map(([step, heldOutLoss]) => ({
    step,
    epoch: step / 10,
    ...(step > 0 && { loss: 1 }),
    ...(heldOutLoss !== undefined && { heldOutLoss }),
  }));
}

describe("the best of a run", () => {
  test("the best is the lowest held-out loss after a step, the earlier of two equal", () => {
    const log = logOf([0, 6], [1], [20, 3], [40, 2], [41], [60, 2]);
    expect(bestOf(log)).toEqual({ step: 40, heldOutLoss: 2 });
    expect(startOf(log)).toBe(6);
  });

  test.each([[5.9], [5]])(
    "no step is the best where the untrained model is at least as good, with %d",
    (start) => {
      expect(bestOf(logOf([0, start], [20, 6], [40, 5.9]))).toBeNull();
    },
  );

  test("without a measure of the untrained model the lowest is the best", () => {
    expect(bestOf(logOf([1], [20, 6], [40, 7]))).toEqual({ step: 20, heldOutLoss: 6 });
    expect(startOf(logOf([1], [20, 6]))).toBeNull();
    expect(bestOf([])).toBeNull();
  });
});

describe("the verdict", () => {
  const demo = logOf([0, 6.12], [20, 2], [40, 0.44], [60, 0.5]);
  const diverged = logOf([0, 6.116], [20, 7.2], [40, 6.95], [60, 6.931]);
  const cases: [title: string, log: LogEntry[], Partial<Verdict>][] = [
    ["before anything is measured", [], { kind: "not-yet", start: null }],
    ["before the first evaluation", logOf([0, 6.12], [1]), { kind: "not-yet", start: 6.12 }],
    ["without its start", logOf([1], [20, 2]), { kind: "not-yet", start: null }],
    ["that learned and has a best behind it", demo, { kind: "learned", start: 6.12 }],
    ["that still learns", logOf([0, 2.3], [20, 2.2]), { kind: "learned" }],
    ["that learned by just enough", logOf([0, 2], [20, 1.96]), { kind: "learned" }],
    ["that learned less than that", logOf([0, 2], [20, 1.961]), { kind: "little" }],
    ["that changed nothing", logOf([0, 2], [20, 2]), { kind: "little" }],
    ["that is slightly worse", logOf([0, 2], [20, 2.039]), { kind: "little" }],
    ["that is worse", logOf([0, 2], [20, 2.04]), { kind: "worse" }],
    ["that diverged", diverged, { kind: "worse", start: 6.116 }],
    ["that diverged after little", logOf([0, 2], [20, 1.99], [40, 3]), { kind: "worse" }],
    ["that learned, then overfitted", logOf([0, 2], [20, 1.2], [40, 3]), { kind: "learned" }],
    ["that was worse and recovered", logOf([0, 2], [20, 3], [40, 1]), { kind: "learned" }],
    ["that was stopped", logOf([0, 6.1], [1], [6, 5.2]), { kind: "learned" }],
  ];

  test.each(cases)("the verdict on a run %s is right", (_, log, verdict) => {
    expect(verdictOf(log, true)).toMatchObject(verdict);
  });

  test("the verdict has the lowest loss with its step, and the last", () => {
    expect(verdictOf(demo, true)).toEqual({
      kind: "learned",
      start: 6.12,
      lowest: { step: 40, heldOutLoss: 0.44 },
      last: { step: 60, heldOutLoss: 0.5 },
      fitsItsRows: false,
      isRateTooHigh: false,
    });
    expect(verdictOf(diverged, true)).toMatchObject({
      lowest: { step: 60, heldOutLoss: 6.931 },
      last: { step: 60, heldOutLoss: 6.931 },
    });
  });

  /** A run of 40 steps whose held-out loss and training loss go from one to the other. */
  const course = (heldOut: [number, number], training: [number, number]): LogEntry[] => [
    { step: 0, epoch: 0, heldOutLoss: heldOut[0] },
    ...Array.from({ length: 40 }, (_, i) => ({
      step: i + 1,
      epoch: 0,
      loss: i < 20 ? training[0] : training[1],
      ...(i === 39 && { heldOutLoss: heldOut[1] }),
    })),
  ];

  test.each<
    [held: [number, number], rows: [number, number], kind: string, fits: boolean, isHigh: boolean]
  >([
    [[2, 3], [2, 3], "worse", false, true],
    [[2, 3], [2, 2], "worse", false, true],
    [[2, 3], [2, 1], "worse", true, false],
    [[2, 2], [2, 2.2], "little", false, true],
    [[2, 2], [2, 2.05], "little", false, false],
    [[2, 2], [2, 1], "little", true, false],
    [[2, 1], [2, 2.5], "learned", false, false],
  ])(
    "a run from %o that goes from %o on its own rows is %s: it fits them %o, its rate is too high %o",
    (held, rows, kind, fitsItsRows, isRateTooHigh) => {
      expect(verdictOf(course(held, rows), true)).toMatchObject({
        ...{ kind, fitsItsRows, isRateTooHigh },
      });
    },
  );

  test("a run without held-out rows has no verdict", () => {
    expect(verdictOf(logOf([1], [2]), false)).toEqual({ kind: "no-rows" });
  });
});
