// When a save is due.
import { expect, test } from "vitest";
import { saveDue } from "../../../src/run/save-schedule.ts";

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
