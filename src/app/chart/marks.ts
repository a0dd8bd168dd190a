// Marks on the loss chart: checkpoints as diamonds on the axis (the best filled), rebuilds as thin
// dashed verticals.
import type uPlot from "uplot";
import type { ChartColors } from "./colors.ts";

export interface Marks {
  checkpoints: { step: number; isBest: boolean }[];
  rebuilds: number[];
}

const diamondRadius = 5;

export function drawMarks(chart: uPlot, marks: Marks | undefined, colors: ChartColors): void {
  if (marks === undefined) {
    return;
  }
  const { ctx, bbox } = chart;
  const ratio = devicePixelRatio;
  const isVisible = (step: number) =>
    step >= (chart.scales["x"]?.min ?? 0) && step <= (chart.scales["x"]?.max ?? 0);
  ctx.save();
  ctx.lineWidth = ratio;
  ctx.strokeStyle = colors["ink-soft"];
  ctx.setLineDash([3 * ratio, 3 * ratio]);
  for (const step of marks.rebuilds.filter(isVisible)) {
    const x = Math.round(chart.valToPos(step, "x", true)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  ctx.strokeStyle = colors.ink;
  for (const { step, isBest } of marks.checkpoints.filter((mark) => isVisible(mark.step))) {
    const x = chart.valToPos(step, "x", true);
    const y = bbox.top + bbox.height;
    const radius = diamondRadius * ratio;
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
  ctx.restore();
}
