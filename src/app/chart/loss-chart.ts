// The loss chart on uPlot: raw, smoothed and held-out loss over the whole planned run, marks for
// checkpoints and rebuilds, zoom.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { ChartColors } from "./colors.ts";
import { drawMarks, type Marks } from "./marks.ts";
import { axisRange, extentOf, type Extent } from "./range.ts";

export interface ChartData {
  steps: number[];
  loss: (number | null)[];
  smoothed: (number | null)[];
  heldOut: (number | null)[];
  /** Ghost of a usual run, while there is none. */
  expected: (number | null)[];
  totalSteps: number;
  marks: Marks;
}

export interface ChartOptions {
  isLog: boolean;
  colors: ChartColors;
  /** Row under the cross-hair, null when the pointer is away. */
  onCursor: (index: number | null) => void;
  onZoom: (isZoomed: boolean) => void;
}

export interface LossChart {
  update: (data: ChartData) => void;
  resetZoom: () => void;
  destroy: () => void;
}

/** Rings are drawn while they do not touch; beyond that the line says it. */
const areFarApart = (chart: uPlot, series: number, first: number, last: number) => {
  const count = chart.data[series]?.slice(first, last + 1).filter((value) => value !== null).length;
  return (count ?? 0) * 12 < chart.over.clientWidth;
};
const wheelStep = 0.8;
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- its const enum has no value at run time
const logarithmic: uPlot.Scale = { distr: 3 };

export function createLossChart(element: HTMLElement, options: ChartOptions): LossChart {
  const { colors, isLog } = options;
  let data: ChartData | null = null;
  let zoom: Extent | null = null;
  let range: Extent | null = null;

  const setZoom = (chart: uPlot, next: Extent | null) => {
    zoom = next;
    range = null; // the visitor asked for another view: fit it
    options.onZoom(zoom !== null);
    chart.setScale("x", xRange());
  };
  const xRange = (): Extent => zoom ?? { min: 0, max: Math.max(data?.totalSteps ?? 1, 1) };
  const yRange = (chart: uPlot): [number, number] => {
    const [steps, ...columns] = chart.data;
    const from = zoom === null ? 0 : steps.findIndex((step) => step >= (zoom?.min ?? 0));
    const to = zoom === null ? steps.length : steps.findLastIndex((s) => s <= (zoom?.max ?? 0)) + 1;
    const extent = extentOf(columns as (number | null)[][], Math.max(from, 0), to);
    if (extent === null) {
      return isLog ? [0.1, 10] : [0, 4];
    }
    if (zoom !== null && range === null) {
      const pad = isLog ? 1.05 : (extent.max - extent.min) * 0.08 || 0.1;
      range = isLog
        ? { min: extent.min / pad, max: extent.max * pad }
        : { min: Math.max(0, extent.min - pad), max: extent.max + pad };
    } else if (zoom === null) {
      range = axisRange(extent, isLog, range);
    }
    return range === null ? [0, 4] : [range.min, range.max];
  };

  const axis = {
    stroke: colors["ink-soft"],
    font: "12px system-ui, sans-serif",
    ticks: { show: false },
  };
  const line = (stroke: string, width: number, dash?: number[]): uPlot.Series => ({
    stroke,
    width,
    spanGaps: true,
    points: { show: false },
    ...(dash && { dash }),
  });
  const config: uPlot.Options = {
    width: element.clientWidth,
    height: element.clientHeight,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false }, points: { size: 7 } },
    scales: {
      x: { time: false, range: () => [xRange().min, xRange().max] },
      y: { ...(isLog && logarithmic), range: yRange },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        border: { show: true, stroke: colors["ink-soft"], width: 1 },
        label: "step",
        labelFont: axis.font,
        labelSize: 18,
        labelGap: 0,
        size: 30,
        gap: 8,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5],
      },
      { ...axis, grid: { stroke: colors.hairline, width: 1 }, size: 44, gap: 8 },
    ],
    series: [
      {},
      line(colors["ember-faint"], 1),
      line(colors.ember, 2),
      {
        stroke: colors.blue,
        width: 1,
        spanGaps: true,
        dash: [2, 3],
        points: { show: areFarApart, size: 8, width: 2, fill: colors.paper, stroke: colors.blue },
      },
      line(colors["ink-soft"], 1.5, [2, 5]),
    ],
    hooks: {
      drawAxes: [
        (chart) => {
          drawMarks(chart, data?.marks, colors);
        },
      ],
      setCursor: [
        (chart) => {
          options.onCursor(chart.cursor.idx ?? null);
        },
      ],
      setSelect: [
        (chart) => {
          const { left, width } = chart.select;
          if (width > 4) {
            const [min, max] = [chart.posToVal(left, "x"), chart.posToVal(left + width, "x")];
            setZoom(chart, { min, max });
            chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          }
        },
      ],
    },
  };

  const chart = new uPlot(config, [[], [], [], [], []], element);
  const zoomAtPointer = (event: WheelEvent) => {
    if (!event.ctrlKey && !event.metaKey) {
      return; // a plain wheel scrolls the page; a pinch arrives with ctrlKey
    }
    event.preventDefault();
    const { min, max } = xRange();
    const center = chart.posToVal(event.offsetX, "x");
    const factor = event.deltaY < 0 ? wheelStep : 1 / wheelStep;
    const full = Math.max(data?.totalSteps ?? 1, 1);
    const next = {
      min: Math.max(0, center - (center - min) * factor),
      max: Math.min(full, center + (max - center) * factor),
    };
    setZoom(chart, next.min <= 0 && next.max >= full ? null : next);
  };
  chart.over.addEventListener("wheel", zoomAtPointer, { passive: false });
  const observer = new ResizeObserver(() => {
    chart.setSize({ width: element.clientWidth, height: element.clientHeight });
  });
  observer.observe(element);

  return {
    update: (next) => {
      if (data !== null && next.steps.length < data.steps.length / 2) {
        range = null; // another run
      }
      data = next;
      chart.setData([next.steps, next.loss, next.smoothed, next.heldOut, next.expected]);
    },
    resetZoom: () => {
      setZoom(chart, null);
    },
    destroy: () => {
      observer.disconnect();
      chart.destroy();
    },
  };
}
