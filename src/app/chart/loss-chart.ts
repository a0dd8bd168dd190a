// The loss chart on uPlot: raw, smoothed and held-out loss over the planned run, marks and zoom.
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { ChartData } from "./chart-data.ts";
import type { ChartColors } from "./colors.ts";
import { drawMarks } from "./marks.ts";
import { axisRange, extentOf, paddedRange, type Extent } from "./range.ts";
import { axes, series } from "./uplot-options.ts";

export interface ChartOptions {
  isLog: boolean;
  colors: ChartColors;
  /** Receives the index of the row under the cross-hair; null when the pointer leaves. */
  onCursor: (index: number | null) => void;
  onZoom: (isZoomed: boolean) => void;
}

/** A step of the wheel shows this share of the range. */
const wheelFactor = 0.8;
/** Shorter drags are clicks. */
const minimumDragPixels = 4;
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- its const enum has no value at run time
const logarithmic: uPlot.Scale = { distr: 3 };

export class LossChart {
  readonly #options: ChartOptions;
  readonly #chart: uPlot;
  readonly #resizes: ResizeObserver;
  #data: ChartData | null = null;
  /** Steps shown; null for the whole run. */
  #zoom: Extent | null = null;
  /** The loss axis, kept while it holds the values; null to fit it to them. */
  #lossRange: Extent | null = null;

  constructor(element: HTMLElement, options: ChartOptions) {
    this.#options = options;
    this.#chart = new uPlot(this.#uplotOptions(element), [[], [], [], [], []], element);
    this.#chart.over.addEventListener(
      "wheel",
      (event) => {
        this.#zoomAtPointer(event);
      },
      { passive: false },
    );
    this.#resizes = new ResizeObserver(() => {
      this.#chart.setSize({ width: element.clientWidth, height: element.clientHeight });
    });
    this.#resizes.observe(element);
  }

  update(data: ChartData): void {
    const isOtherRun = this.#data !== null && data.steps.length < this.#data.steps.length / 2;
    if (isOtherRun) {
      this.#lossRange = null;
    }
    this.#data = data;
    this.#chart.setData([data.steps, data.loss, data.smoothed, data.heldOut, data.expected]);
  }

  resetZoom(): void {
    this.#setZoom(null);
  }

  destroy(): void {
    this.#resizes.disconnect();
    this.#chart.destroy();
  }

  #uplotOptions(element: HTMLElement): uPlot.Options {
    const { colors, isLog, onCursor } = this.#options;
    return {
      width: element.clientWidth,
      height: element.clientHeight,
      padding: [8, 24, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { setScale: false }, points: { size: 7 } },
      scales: {
        x: { time: false, range: () => [this.#stepRange().min, this.#stepRange().max] },
        y: { ...(isLog && logarithmic), range: (chart) => this.#fitLossRange(chart) },
      },
      axes: axes(colors),
      series: series(colors),
      hooks: {
        drawAxes: [
          (chart) => {
            drawMarks(chart, this.#data?.marks, colors);
          },
        ],
        setCursor: [
          (chart) => {
            onCursor(chart.cursor.idx ?? null);
          },
        ],
        setSelect: [
          (chart) => {
            this.#zoomToSelection(chart);
          },
        ],
      },
    };
  }

  #stepRange(): Extent {
    return this.#zoom ?? { min: 0, max: this.#totalSteps() };
  }

  #totalSteps(): number {
    return Math.max(this.#data?.totalSteps ?? 1, 1);
  }

  /** Has the chart as a parameter: uPlot's constructor calls it before `#chart` is set. */
  #fitLossRange(chart: uPlot): [number, number] {
    const { isLog } = this.#options;
    const values = this.#visibleLosses(chart);
    if (values === null) {
      return isLog ? [0.1, 10] : [0, 4];
    }
    if (this.#zoom === null) {
      this.#lossRange = axisRange(values, isLog, this.#lossRange);
    }
    this.#lossRange ??= paddedRange(values, isLog);
    return [this.#lossRange.min, this.#lossRange.max];
  }

  #visibleLosses(chart: uPlot): Extent | null {
    const [steps, ...columns] = chart.data as [number[], ...(number | null)[][]];
    const zoom = this.#zoom;
    if (zoom === null) {
      return extentOf(columns, 0, steps.length);
    }
    const from = steps.findIndex((step) => step >= zoom.min);
    const to = steps.findLastIndex((step) => step <= zoom.max) + 1;
    return extentOf(columns, Math.max(from, 0), to);
  }

  #setZoom(zoom: Extent | null): void {
    this.#zoom = zoom;
    this.#lossRange = null; // another view was asked for: fit the losses in it
    this.#options.onZoom(zoom !== null);
    this.#chart.setScale("x", this.#stepRange());
  }

  #zoomToSelection(chart: uPlot): void {
    const { left, width } = chart.select;
    if (width > minimumDragPixels) {
      this.#setZoom({ min: chart.posToVal(left, "x"), max: chart.posToVal(left + width, "x") });
      chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    }
  }

  #zoomAtPointer(event: WheelEvent): void {
    if (!event.ctrlKey && !event.metaKey) {
      return; // a plain wheel scrolls the page; a pinch arrives with ctrlKey
    }
    event.preventDefault();
    const { min, max } = this.#stepRange();
    const center = this.#chart.posToVal(event.offsetX, "x");
    const factor = event.deltaY < 0 ? wheelFactor : 1 / wheelFactor;
    const total = this.#totalSteps();
    const zoom = {
      min: Math.max(0, center - (center - min) * factor),
      max: Math.min(total, center + (max - center) * factor),
    };
    this.#setZoom(zoom.min <= 0 && zoom.max >= total ? null : zoom);
  }
}
