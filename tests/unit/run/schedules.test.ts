// When a device is given up as planned: by steps, by minutes, by bytes, and never before the first
// step.
import { expect, test } from "vitest";
import { rebuildDue, saveDue } from "../../../src/run/schedules.ts";

const never = { reloadEverySteps: 0, reloadEveryMinutes: 0, reloadAboveBytes: 0 };

test.each([
  ["never unless the recipe asks for it", never, 8, 1e9, 1e12, null],
  ["not before its step", { ...never, reloadEverySteps: 8 }, 7, 0, 0, null],
  ["at its step", { ...never, reloadEverySteps: 8 }, 16, 0, 0, "every-steps"],
  ["not before its time", { ...never, reloadEveryMinutes: 2 }, 1, 119_999, 0, null],
  ["at its time", { ...never, reloadEveryMinutes: 2 }, 1, 120_000, 0, "every-minutes"],
  ["not at its size", { ...never, reloadAboveBytes: 100 }, 1, 0, 100, null],
  ["above its size", { ...never, reloadAboveBytes: 100 }, 1, 0, 101, "above-bytes"],
] as const)("a planned rebuild is due %s", (_, recipe, step, ageMs, bytes, reason) => {
  expect(rebuildDue(recipe, step, ageMs, bytes)).toBe(reason);
  expect(rebuildDue(recipe, 0, ageMs, bytes)).toBeNull();
});

const minute = 60_000;

test.each<
  [saveSteps: number, saveMinutes: number, step: number, ageMs: number, due: string | null]
>([
  [20, 5, 20, 0, "steps"],
  [20, 5, 40, 9 * minute, "steps"],
  [20, 5, 21, 5 * minute - 1, null],
  [20, 5, 21, 5 * minute, "minutes"],
  [0, 5, 20, 0, null],
  [0, 0.5, 1, 30_000, "minutes"],
  [20, 0, 21, 1e9, null],
  [1, 1, 0, 1e9, null],
])(
  "a save every %d steps or %d minutes is due at step %d after %d ms because of: %s",
  (saveSteps, saveMinutes, step, ageMs, due) => {
    expect(saveDue({ saveSteps, saveMinutes }, step, ageMs)).toBe(due);
  },
);
