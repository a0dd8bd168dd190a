// Refuses one buffer of a run for lack of device memory: in its set-up, in its saves and, where
// tfjs computes the loss, in its steps. The run continues with less memory, to the same bits.
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { faultsOfRun, recipe, undisturbed } from "../compare-runs.ts";
import type { RunBrowser } from "../run-browser.ts";
import type { Tally } from "../tally.ts";

const ten: Partial<Recipe> = { maxSteps: 10, saveSteps: 5 };

/** The last buffer before the first step. */
const lastOfSetUp = "readback 2";

/** @param share of the buffers that are refused, one per run */
export async function runBuffers(browser: RunBrowser, share: number, tally: Tally): Promise<void> {
  tally.add(
    "a buffer too large for this machine is refused",
    (await browser.call("refusesTooMany", undefined))
      ? []
      : ["it was not refused with an out-of-memory error"],
  );
  await refuse(browser, "", ten, tally, (setUp, made) => [
    ...some(share, 0, setUp),
    ...some(share, setUp, made),
  ]);
  // An objective in tfjs ops: the set-up is the same, and tfjs creates its buffers during steps.
  const smoothed = { ...ten, labelSmoothing: 0.1 };
  await refuse(browser, "smoothed, ", smoothed, tally, (setUp, made) => some(share, setUp, made));
}

async function refuse(
  browser: RunBrowser,
  name: string,
  changes: Partial<Recipe>,
  tally: Tally,
  pick: (setUp: number, made: number) => number[],
): Promise<void> {
  await browser.call("failBuffer", { k: -1 });
  const whole = await undisturbed(browser, changes);
  const labels = await browser.call("failBuffer", { k: -1 });
  for (const k of pick(labels.lastIndexOf(lastOfSetUp) + 1, labels.length)) {
    const from = browser.told.length;
    await browser.call("failBuffer", { k });
    await browser.call("start", { recipe: { ...recipe, ...changes } });
    const faults = await faultsOfRun(browser, whole, from);
    const made = await browser.call("failBuffer", { k: -1 });
    tally.add(`${name}buffer ${k} (${labels[k]}) of ${labels.length} is refused`, [
      ...faults,
      ...(made[k] === labels[k] ? [] : [`the refused buffer was ${made[k] ?? "none"}`]),
    ]);
  }
  const outcome = `${labels.length} buffers, ${labels.lastIndexOf(lastOfSetUp) + 1} at set-up`;
  console.log(`runs, ${name}${outcome}`);
}

/** A share of the numbers from `first` to below `last`; at least one. */
function some(share: number, first: number, last: number): number[] {
  const stride = Math.max(1, Math.round(1 / share));
  const numbers: number[] = [];
  for (let k = Math.min(first + (stride >> 1), last - 1); k < last; k += stride) {
    numbers.push(k);
  }
  return numbers;
}
