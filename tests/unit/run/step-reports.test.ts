// Speed and time left: the first step as it is, later ones smoothed, so that one slow step does not
// jump.
import { expect, test } from "vitest";
import { PaceMeter } from "../../../src/run/step-reports.ts";

test("the first step reports its own speed", () => {
  expect(new PaceMeter().add(500, 250, 8)).toEqual({ tokensPerSecond: 2000, remainingMs: 2000 });
});

test("a later step contributes a fifth of the average", () => {
  const meter = new PaceMeter();
  meter.add(100, 100, 9);
  const pace = meter.add(100, 200, 8);
  expect(pace.tokensPerSecond).toBeCloseTo(1000 + 0.2 * (500 - 1000));
  expect(pace.remainingMs).toBeCloseTo((100 + 0.2 * 100) * 8);
});

test("the average follows a new pace within some steps, and no time remains after the last", () => {
  const meter = new PaceMeter();
  meter.add(100, 1000, 100);
  let pace = meter.add(100, 100, 99);
  for (let left = 98; left >= 0; left--) {
    pace = meter.add(100, 100, left);
  }
  expect(pace.tokensPerSecond).toBeCloseTo(1000, 3);
  expect(pace.remainingMs).toBe(0);
});
