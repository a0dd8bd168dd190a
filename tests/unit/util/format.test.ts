// Figures as the page writes them, at the borders where a unit or a rounding changes.
import { describe, expect, test } from "vitest";
import {
  formatAgo,
  formatByteRate,
  formatBytes,
  formatCount,
  formatCountOf,
  formatDuration,
  formatLoss,
  formatParameters,
  formatPercent,
  formatRemaining,
  formatSetting,
  formatTokenRate,
} from "../../../src/util/format.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe("formatBytes", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [999.6, "1.0 kB"],
    [61_200, "61.2 kB"],
    [999_499, "999 kB"],
    [999_500, "1.0 MB"],
    [6_120_000, "6.1 MB"],
    [269_000_000, "269 MB"],
    [810_000_000, "810 MB"],
    [1_920_000_000, "1.92 GB"],
    [10_600_000_000, "10.6 GB"],
    [3_000_000_000_000_000, "3000 TB"],
  ])("formatBytes writes %d as %s", (bytes, words) => {
    expect(formatBytes(bytes)).toBe(words);
  });
});

test("formatByteRate adds the unit of time", () => {
  expect(formatByteRate(12_400_000)).toBe("12.4 MB/s");
});

test("formatCount separates thousands", () => {
  expect([0, 412, 38_120, 1_038_336].map(formatCount)).toEqual(["0", "412", "38,120", "1,038,336"]);
});

test("formatCountOf agrees with the number", () => {
  expect(formatCountOf(1, "row")).toBe("1 row");
  expect(formatCountOf(0, "row")).toBe("0 rows");
  expect(formatCountOf(2, "entry", "entries")).toBe("2 entries");
});

test.each([
  [950, "950"],
  [73_728, "73.7 k"],
  [1_038_336, "1.0 M"],
  [134_515_008, "135 M"],
  [1_235_814_400, "1.24 B"],
])("formatParameters writes %d as %s", (count, words) => {
  expect(formatParameters(count)).toBe(words);
});

test.each([
  [-5, "0.0 s"],
  [400, "0.4 s"],
  [960, "1 s"],
  [3 * second, "3 s"],
  [89 * second, "89 s"],
  [90 * second, "2 min"],
  [59.4 * minute, "59 min"],
  [59.6 * minute, "1 h"],
  [72 * minute, "1 h 12 min"],
  [47 * hour, "47 h"],
  [51 * hour, "2 d 3 h"],
  [48 * hour, "2 d"],
])("formatDuration writes %d ms as %s", (ms, words) => {
  expect(formatDuration(ms)).toBe(words);
});

test("formatRemaining adds the word left", () => {
  expect(formatRemaining(6 * minute)).toBe("6 min left");
});

test.each([
  [2140.4, "2,140 tok/s"],
  [3.42, "3.4 tok/s"],
])("formatTokenRate writes %d as %s", (rate, words) => {
  expect(formatTokenRate(rate)).toBe(words);
});

test.each([
  [1.8324, "1.832"],
  [11.4123, "11.41"],
  [0.51236, "0.5124"],
  [0.05123, "0.0512"],
  [0.000123456, "1.23e-4"],
  [0, "0"],
  [Number.NaN, "not a number"],
])("formatLoss writes %d as %s", (loss, words) => {
  expect(formatLoss(loss)).toBe(words);
});

test("formatLoss uses fewer digits when asked to", () => {
  expect(formatLoss(1.8324, 3)).toBe("1.83");
});

test("formatPercent reaches 100 only at the end", () => {
  expect([0, 0.329, 0.9999, 1].map(formatPercent)).toEqual(["0 %", "32 %", "99 %", "100 %"]);
});

test("formatSetting writes small numbers with an exponent", () => {
  expect([16, 0.03, 0.999, 2e-4, 0, 1e-8].map(formatSetting)).toEqual([
    "16",
    "0.03",
    "0.999",
    "2e-4",
    "0",
    "1e-8",
  ]);
});

test.each([
  [10 * second, "just now"],
  [minute, "1 minute ago"],
  [5 * minute + 1, "5 minutes ago"],
  [2 * hour, "2 hours ago"],
  [3 * day, "3 days ago"],
])("formatAgo writes %d ms as %s", (age, words) => {
  expect(formatAgo(1_000_000_000_000 - age, 1_000_000_000_000)).toBe(words);
});
