// Data and axis ranges of the loss chart.
import { expect, test } from "vitest";
import { demoChart, runChart } from "../../../src/app/chart/chart-data.ts";
import { axisRange, extentOf, paddedRange } from "../../../src/app/chart/range.ts";

test("the chart before the first run shows the expected curve and nothing else", () => {
  const { steps, loss, expected, totalSteps, marks } = demoChart();
  expect(expected).toHaveLength(steps.length);
  expect(expected.every((value) => value !== null)).toBe(true);
  expect(loss.every((value) => value === null)).toBe(true);
  expect(totalSteps).toBe(steps.at(-1));
  expect(marks).toEqual({ checkpoints: [], rebuilds: [] });
});

test("the chart of a run has its columns and no expected curve", () => {
  const columns = { steps: [1, 2], loss: [3, 2], smoothed: [3, 2.5], heldOut: [null, 2.2] };
  const marks = { checkpoints: [{ step: 2, isBest: true }], rebuilds: [1] };
  expect(runChart(columns, 8, marks)).toEqual({
    ...columns,
    expected: [null, null],
    totalSteps: 8,
    marks,
  });
});

test("the loss axis keeps its range while the values stay inside it", () => {
  const first = axisRange({ min: 1, max: 3.4 }, false, null);
  expect(first).toEqual({ min: 0, max: 4 });
  expect(axisRange({ min: 0.5, max: 3.9 }, false, first)).toBe(first);
  expect(axisRange({ min: 0.5, max: 4.1 }, false, first)).toEqual({ min: 0, max: 5 });
});

test("the loss axis begins near losses that stay high, and moves down a few times at most", () => {
  const range = axisRange({ min: 3.5, max: 4.2 }, false, null);
  expect(range).toEqual({ min: 2.5, max: 5 });
  expect(axisRange({ min: 2.95, max: 4.2 }, false, range)).toBe(range);
  const lower = axisRange({ min: 2.4, max: 4.2 }, false, range);
  expect(lower).toEqual({ min: 1.25, max: 5 });
  expect(axisRange({ min: 0.1, max: 4.2 }, false, lower)).toEqual({ min: 0, max: 5 });
});

test("a zoomed loss axis has a margin around its values and no negative loss", () => {
  expect(paddedRange({ min: 2, max: 3 }, false)).toEqual({ min: 1.92, max: 3.08 });
  expect(paddedRange({ min: 0.01, max: 2 }, false).min).toBe(0);
  expect(paddedRange({ min: 2, max: 2 }, false)).toEqual({ min: 1.9, max: 2.1 });
  expect(paddedRange({ min: 1.05, max: 2 }, true)).toEqual({ min: 1, max: 2.1 });
});

test("the extent of columns ignores gaps, infinite values and rows outside the indices", () => {
  const columns = [
    [9, 1, null, Infinity],
    [null, 2, 3, 4],
  ];
  expect(extentOf(columns, 1, 3)).toEqual({ min: 1, max: 3 });
  expect(extentOf(columns, 0, 0)).toBeNull();
});
