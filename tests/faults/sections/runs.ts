// Runs that are broken at every step: reloaded, rebuilt, their GPU process killed, their browser killed; and a device
// without room for one buffer. Each ends bit for bit as the run that nothing disturbed.
import { join } from "node:path";
import type { Recipe } from "../../../src/train/recipe.ts";
import type { Digest } from "../page/run-protocol.ts";
import type { Setting } from "../run.ts";
import { RunBrowser } from "../run-browser.ts";
import type { Tally } from "../tally.ts";

const steps = 20;

/** Small, with all that a checkpoint has to hold: dropout, accumulation over rows, epochs, held-out loss, a schedule. */
const recipe: Partial<Recipe> = {
  rank: 4,
  alpha: 8,
  dropout: 0.1,
  targetModules: ["q_proj", "v_proj"],
  batchSize: 1,
  gradientAccumulationSteps: 2,
  maxLength: 16,
  maxSteps: steps,
  heldOutRows: 2,
  evalSteps: 5,
  saveSteps: 1,
  saveTotalLimit: 100,
};

export interface RunSizes {
  /** Steps after which a run is reloaded, and after which its browser is killed. */
  every: number;
  /** Steps between rebuilds. */
  rebuildEvery: number;
  /** Kills of the GPU process. */
  gpuKills: number;
  /** Share of the buffers of a run that find no room, one at a time. */
  buffers: number;
}

export async function runs({ url, folder }: Setting, sizes: RunSizes, tally: Tally): Promise<void> {
  const browser = await RunBrowser.open(join(folder, "runs"), url);
  const whole = await undisturbed(browser);
  const broken = Array.from({ length: steps - 1 }, (_, i) => i + 1);
  const some = broken.filter((step) => step % sizes.every === 0);
  const report = (name: string, faults: readonly string[]) => {
    tally.add(name, faults);
    console.log(`runs, ${name}: ${faults.length === 0 ? "the same bits" : "not the same"}`);
  };
  report("undisturbed twice", differences(whole, await undisturbed(browser)));
  report(
    `rebuilt every ${sizes.rebuildEvery} steps`,
    differences(whole, await undisturbed(browser, { reloadEverySteps: sizes.rebuildEvery })),
  );
  const kills = broken.slice(0, sizes.gpuKills);
  report(`${kills.length} GPU crashes`, await gpuCrashes(browser, kills, whole));
  report(
    `reloaded after ${some.length} steps`,
    await taken(browser, some, whole, () => browser.reload()),
  );
  report(
    `browser killed after ${some.length} steps`,
    await taken(browser, some, whole, () => browser.killAndReopen()),
  );
  await fullDevice(browser, sizes.buffers, tally);
  await browser.close();
}

/** A run from its first step to its last: all its checkpoints. */
async function undisturbed(browser: RunBrowser, changes: Partial<Recipe> = {}): Promise<Digest[]> {
  const from = browser.told.length;
  await browser.call("start", { recipe: { ...recipe, ...changes } });
  const error = await browser.untilEnd(from);
  if (error !== null) {
    throw new Error(error);
  }
  return await browser.call("digests");
}

/** Broken within the save of each of the steps, and taken up again. */
async function taken(
  browser: RunBrowser,
  broken: readonly number[],
  whole: readonly Digest[],
  breakIt: () => Promise<void>,
): Promise<string[]> {
  const [first = 1] = broken;
  await browser.call("standAt", { steps: [first], ms: 600_000 });
  await browser.call("start", { recipe });
  for (const [i, step] of broken.entries()) {
    await browser.standing(step);
    await breakIt();
    const next = broken[i + 1];
    await browser.call("standAt", { steps: next === undefined ? [] : [next], ms: 600_000 });
    const resumed = await browser.call("resume");
    if (resumed.step !== step) {
      return [`step ${step} was saved, step ${resumed.step} was taken up`];
    }
  }
  const error = await browser.untilEnd(0);
  return error === null ? differences(whole, await browser.call("digests")) : [error];
}

async function gpuCrashes(
  browser: RunBrowser,
  kills: readonly number[],
  whole: readonly Digest[],
): Promise<string[]> {
  const from = browser.told.length;
  await browser.call("standAt", { steps: [...kills], ms: 500 });
  await browser.call("start", { recipe });
  for (const step of kills) {
    await browser.wait((told) => told.kind === "standing" && told.step === step, from);
    await browser.crashGpu();
  }
  const error = await browser.untilEnd(from);
  const rebuilt = browser.told.slice(from).filter(({ kind }) => kind === "rebuilt").length;
  return [
    ...(error === null ? differences(whole, await browser.call("digests")) : [error]),
    ...(rebuilt === kills.length ? [] : [`${kills.length} crashes, ${rebuilt} rebuilds`]),
  ];
}

/** Every so many-th buffer of a run of ten steps finds no room: the run goes on with less, to the same end. */
async function fullDevice(browser: RunBrowser, share: number, tally: Tally): Promise<void> {
  const ten = { maxSteps: 10, saveSteps: 5 };
  await browser.call("failBuffer", { k: -1 });
  const whole = await undisturbed(browser, ten);
  const { made } = await browser.call("failBuffer", { k: -1 });
  const stride = Math.max(1, Math.round(1 / share));
  for (let k = 0; k < made; k += stride) {
    const from = browser.told.length;
    await browser.call("failBuffer", { k });
    await browser.call("start", { recipe: { ...recipe, ...ten } });
    const error = await browser.untilEnd(from);
    const faults = error === null ? differences(whole, await browser.call("digests")) : [error];
    tally.add(`buffer ${k} of ${made} finds no room`, faults);
  }
  await browser.call("failBuffer", { k: -1 });
}

function differences(whole: readonly Digest[], found: readonly Digest[]): string[] {
  const wrong = whole.filter(({ step, sha256 }, i) => {
    const other = found[i];
    return other?.step !== step || other.sha256 !== sha256;
  });
  return wrong.length === 0 && whole.length === found.length
    ? []
    : [
        `${found.length} of ${whole.length} checkpoints, differing at ${wrong.map((d) => d.step).join(", ")}`,
      ];
}
