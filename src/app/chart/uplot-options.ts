// Axes and series of the loss chart, as uPlot options.
import type uPlot from "uplot";
import type { ChartColors } from "./colors.ts";

const font = "12px system-ui, sans-serif";
/** Held-out losses get a ring each while the rings do not touch. */
const ringPixels = 12;

/** The axis of steps and the axis of losses. */
export function axes(colors: ChartColors): uPlot.Axis[] {
  const axis = { stroke: colors["ink-soft"], font, ticks: { show: false }, gap: 8 };
  return [
    {
      ...axis,
      grid: { show: false },
      border: { show: true, stroke: colors["ink-soft"], width: 1 },
      label: "step",
      labelFont: font,
      labelSize: 18,
      labelGap: 0,
      size: 30,
      incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5],
    },
    { ...axis, grid: { stroke: colors.hairline, width: 1 }, size: 44 },
  ];
}

/** Steps, then raw, smoothed, held-out and expected loss, in the order of the data. */
export function series(colors: ChartColors): uPlot.Series[] {
  const line = (stroke: string, width: number): uPlot.Series => ({
    stroke,
    width,
    spanGaps: true,
    points: { show: false },
  });
  return [
    {},
    line(colors["ember-faint"], 1),
    line(colors.ember, 2),
    {
      ...line(colors.blue, 1),
      dash: [2, 3],
      points: { show: haveSpace, size: 8, width: 2, fill: colors.paper, stroke: colors.blue },
    },
    { ...line(colors["ink-soft"], 1.5), dash: [2, 5] },
  ];
}

function haveSpace(chart: uPlot, index: number, first: number, last: number): boolean {
  const values = chart.data[index]?.slice(first, last + 1) ?? [];
  const count = values.filter((value) => value !== null).length;
  return count * ringPixels < chart.over.clientWidth;
}
