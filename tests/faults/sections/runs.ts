// Runs that are broken at every step: reloaded, rebuilt, their GPU process ended, their browser
// killed. Each ends bit for bit as the run that nothing disturbed.
import { differences, faultsOfRun, recipe, undisturbed } from "../compare-runs.ts";
import type { Digest } from "../page/run-protocol.ts";
import type { RunBrowser } from "../run-browser.ts";
import type { Tally } from "../tally.ts";

const lastBroken = 20;
/** Two more steps, so that there are losses to compare after the last fault. */
const steps = { maxSteps: lastBroken + 2 };

export interface RunSizes {
  /** Steps after which a run is reloaded, and after which its browser is killed. */
  every: number;
  /** Steps between rebuilds. */
  rebuildEvery: number;
  /** Steps within which the GPU process ends. */
  gpuKills: number;
}

export async function runs(browser: RunBrowser, sizes: RunSizes, tally: Tally): Promise<void> {
  const whole = await undisturbed(browser, steps);
  const broken = Array.from({ length: lastBroken }, (_, i) => i + 1);
  const some = broken.filter((step) => step % sizes.every === 0);
  tally.tell("runs, undisturbed twice", differences(whole, await undisturbed(browser, steps)));
  const { rebuildEvery } = sizes;
  const from = browser.told.length;
  const rebuilt = await undisturbed(browser, { ...steps, reloadEverySteps: rebuildEvery });
  tally.tell(`runs, rebuilt every ${rebuildEvery} steps`, [
    ...differences(whole, rebuilt),
    ...rebuildFaults(browser, from, Math.floor((steps.maxSteps - 1) / rebuildEvery)),
  ]);
  const kills = broken.slice(0, sizes.gpuKills);
  tally.tell(`runs, ${kills.length} ends of the GPU process`, await gpuEnds(browser, kills, whole));
  tally.tell(
    `runs, reloaded after ${some.length} steps`,
    await taken(browser, some, whole, () => browser.reload()),
  );
  tally.tell(
    `runs, browser killed after ${some.length} steps`,
    await taken(browser, some, whole, () => browser.killAndReopen()),
  );
}

/** Broken within the save of each of the steps, and taken up again. */
async function taken(
  browser: RunBrowser,
  broken: readonly number[],
  whole: readonly Digest[],
  breakIt: () => Promise<void>,
): Promise<string[]> {
  const standIn = async (step: number | undefined) => {
    const stands = step === undefined ? [] : [{ at: `saved ${step}`, ms: 600_000 } as const];
    await browser.call("standAt", { stands });
  };
  await browser.reload(); // what earlier runs told is forgotten
  await standIn(broken[0]);
  await browser.call("start", { recipe: { ...recipe, ...steps } });
  for (const [i, step] of broken.entries()) {
    await browser.standing(`saved ${step}`);
    await breakIt();
    await standIn(broken[i + 1]);
    const resumed = await browser.call("resume");
    if (resumed.step !== step) {
      return [`step ${step} was saved, step ${resumed.step} was taken up`];
    }
  }
  return await faultsOfRun(browser, whole);
}

/** Crashed and killed by turns. */
async function gpuEnds(
  browser: RunBrowser,
  kills: readonly number[],
  whole: readonly Digest[],
): Promise<string[]> {
  const from = browser.told.length;
  const stands = kills.map((step) => ({ at: `saved ${step}`, ms: 500 }) as const);
  await browser.call("standAt", { stands });
  await browser.call("start", { recipe: { ...recipe, ...steps } });
  for (const step of kills) {
    await browser.standing(`saved ${step}`, from);
    await (step % 2 === 0 ? browser.killGpu() : browser.crashGpu());
  }
  const faults = await faultsOfRun(browser, whole, from);
  return [...faults, ...rebuildFaults(browser, from, kills.length)];
}

function rebuildFaults(browser: RunBrowser, from: number, wanted: number): string[] {
  const made = browser.told.slice(from).filter(({ kind }) => kind === "rebuilt").length;
  return made === wanted ? [] : [`${made} rebuilds, not ${wanted}`];
}
