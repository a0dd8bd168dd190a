// When a device is given up as planned: by steps, by minutes, by bytes, and never before the first
// step.
import { expect, test } from "vitest";
import { rebuildDue } from "../../../src/run/rebuild-schedule.ts";

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
