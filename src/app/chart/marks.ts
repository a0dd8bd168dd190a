// Marks on the loss chart: checkpoints as diamonds on the axis (the best filled), rebuilds of the
// device as thin dashed verticals.
import type uPlot from "uplot";
import type { ChartColors } from "./colors.ts";

/** Steps with a mark. */
export interface Marks {
  checkpoints: { step: number; isBest: boolean }[];
  rebuilds: number[];
}

const diamondRadius = 5;

export function drawMarks(chart: uPlot, marks: Marks | undefined, colors: ChartColors): void {
  if (marks === undefined) {
    return;
  }
  const { min = 0, max = 0 } = chart.scales["x"] ?? {};
  const isVisible = (step: number) => step >= min && step <= max;
  const { ctx } = chart;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  drawRebuilds(chart, marks.rebuilds.filter(isVisible), colors);
  drawCheckpoints(
    chart,
    marks.checkpoints.filter(({ step }) => isVisible(step)),
    colors,
  );
  ctx.restore();
}

function drawRebuilds(chart: uPlot, steps: number[], colors: ChartColors): void {
  const { ctx, bbox } = chart;
  ctx.strokeStyle = colors["ink-soft"];
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const step of steps) {
    const x = Math.round(chart.valToPos(step, "x", true)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
}

function drawCheckpoints(
  chart: uPlot,
  checkpoints: Marks["checkpoints"],
  colors: ChartColors,
): void {
  const { ctx, bbox } = chart;
  ctx.strokeStyle = colors.ink;
  ctx.setLineDash([]);
  const radius = diamondRadius * devicePixelRatio;
  const y = bbox.top + bbox.height;
  for (const { step, isBest } of checkpoints) {
    const x = chart.valToPos(step, "x", true);
    ctx.beginPath();
    ctx.moveTo(x, y - radius);
    ctx.lineTo(x + radius, y);
    ctx.lineTo(x, y + radius);
    ctx.lineTo(x - radius, y);
    ctx.closePath();
    ctx.fillStyle = isBest ? colors.ink : colors.paper;
    ctx.fill();
    ctx.stroke();
  }
}
