// Interrupts runs at every step: page reload, device rebuild, end of the GPU process, browser kill.
// Each run ends bit-equal to an undisturbed one.
import { differences, faultsOfRun, recipe, undisturbed } from "../compare-runs.ts";
import type { Digest } from "../page/run-protocol.ts";
import type { RunBrowser } from "../run-browser.ts";
import type { Tally } from "../tally.ts";

const lastBroken = 20;
/** Two more steps, to compare losses after the last fault. */
const steps = { maxSteps: lastBroken + 2 };

export interface RunSizes {
  /** Steps between reloads, and between kills of the browser. */
  every: number;
  /** Steps between rebuilds. */
  rebuildEvery: number;
  /** Number of steps in which the GPU process ends. */
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
    `runs, page reloaded after ${some.length} steps`,
    await taken(browser, some, whole, () => browser.reload()),
  );
  tally.tell(
    `runs, browser killed after ${some.length} steps`,
    await taken(browser, some, whole, () => browser.killAndReopen()),
  );
}

/** Interrupts a run within the save of each given step, and resumes it. */
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
  await browser.reload(); // clears the messages of earlier runs
  await standIn(broken[0]);
  await browser.call("start", { recipe: { ...recipe, ...steps } });
  for (const [i, step] of broken.entries()) {
    await browser.standing(`saved ${step}`);
    await breakIt();
    await standIn(broken[i + 1]);
    const resumed = await browser.call("resume");
    if (resumed.step !== step) {
      return [`step ${step} was saved, but the run resumed from step ${resumed.step}`];
    }
  }
  return await faultsOfRun(browser, whole);
}

/** Crashes and kills the GPU process in alternate steps. */
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
  return made === wanted ? [] : [`${made} rebuilds instead of ${wanted}`];
}
