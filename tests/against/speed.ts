// Milliseconds a step of the demo, both sides in turn, so that a drift of the machine hits both.
import { join } from "node:path";
import { median } from "./median.ts";
import { outFolder, runDemo, type Result, type Side, type Sides } from "./sides.ts";

const steps = 60;
/** The first steps compile and warm up. */
const warmUpSteps = 5;

/** @param atLeast smallest ratio of speeds, now over before, by the median of the pairs */
export async function compareSpeed(
  { now, before }: Sides,
  pairs: number,
  atLeast: number,
): Promise<Result> {
  const ratios: number[] = [];
  for (let pair = 1; pair <= pairs; pair++) {
    // Turn about, so that neither is always the first.
    const order = pair % 2 === 0 ? [now, before] : [before, now];
    const times = new Map<Side, number>();
    for (const side of order) {
      times.set(side, await stepTimeOf(side));
    }
    const [old, fresh] = [times.get(before) ?? NaN, times.get(now) ?? NaN];
    ratios.push(old / fresh);
    console.log(`pair ${pair}: before ${old.toFixed(1)} ms a step, now ${fresh.toFixed(1)} ms`);
  }
  const ratio = median(ratios);
  const words = `speed of steps, now over before: ${ratio.toFixed(3)} (median of ${pairs} pairs, ${steps} steps each)`;
  return { name: words, fault: ratio >= atLeast ? null : `less than ${atLeast}` };
}

async function stepTimeOf(side: Side): Promise<number> {
  const out = join(outFolder, side.name, "speed");
  const { stepTimesMs } = await runDemo(side, ["--steps", String(steps), "--out", out]);
  const waits = stepTimesMs.slice(1).map((time, index) => time - (stepTimesMs[index] ?? time));
  return median(waits.slice(warmUpSteps));
}
