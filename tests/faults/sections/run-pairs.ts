// Injects a second fault while a run recovers from a first. The run ends bit-equal to an
// undisturbed one.
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { differences, faultsOfRun, recipe, undisturbed } from "../compare-runs.ts";
import type { Digest, Moment } from "../page/run-protocol.ts";
import type { RunBrowser } from "../run-browser.ts";
import type { Tally } from "../tally.ts";

const eight: Partial<Recipe> = { ...recipe, maxSteps: 8 };
/** The step whose save the first fault interrupts. */
const brokenAt = 3;
/** Long enough to inject a fault from outside. */
const pauseMs = 700;
const untilKilledMs = 600_000;

interface Pair {
  name: string;
  /** Of the recovery; the most informative first. */
  moments: readonly Moment[];
  play: (browser: RunBrowser, moment: Moment, whole: readonly Digest[]) => Promise<string[]>;
}

/** @param moments played of each pair, at most */
export async function runPairs(browser: RunBrowser, moments: number, tally: Tally): Promise<void> {
  tally.add(
    "a buffer too large for this machine is refused",
    (await browser.call("refusesTooMany"))
      ? []
      : ["it was not refused with an out-of-memory error"],
  );
  await browser.call("failBuffer", { k: -1 });
  const whole = await undisturbed(browser, eight);
  const labels = await browser.call("failBuffer", { k: -1 });
  // The last buffer is followed by the weights, the compiler and the first step.
  const last: Moment = `buffer ${labels.lastIndexOf("readback 2")}`;
  for (const pair of pairsWith(last)) {
    for (const moment of pair.moments.slice(0, moments)) {
      await browser.reload(); // each play gets a new worker
      tally.tell(`runs, ${pair.name}, at ${moment}`, await pair.play(browser, moment, whole));
    }
  }
}

function pairsWith(last: Moment): Pair[] {
  const moments: Moment[] = [last, "buffer 0", "rebuilt", "recovering"];
  return [
    { name: "GPU killed, then crashed", moments, play: gpuCrashedToo },
    { name: "GPU killed, then the page reloaded", moments, play: gpuKilledAndReloaded },
    { name: "GPU killed, then the browser killed", moments, play: gpuAndBrowserKilled },
    {
      name: "GPU killed, then the database full",
      moments: ["recovering", last, "buffer 0", "rebuilt"],
      play: databaseFull,
    },
    { name: "GPU killed, then the device full", moments: [last, "buffer 0"], play: deviceFull },
    {
      name: "browser killed, then the GPU killed at resume",
      moments: [last, "buffer 0"],
      play: gpuKilledAtResume,
    },
  ];
}

/** Starts a run, kills its GPU process, and pauses it at a moment of its recovery. */
async function recoverUntil(browser: RunBrowser, at: Moment, ms: number): Promise<void> {
  const stands = [
    { at: `saved ${brokenAt}`, ms: pauseMs },
    { at, ms },
  ] as const;
  await browser.call("standAt", { stands: [...stands] });
  await browser.call("start", { recipe: eight });
  await browser.standing(`saved ${brokenAt}`);
  await browser.killGpu();
  await browser.standing(at);
}

const gpuCrashedToo: Pair["play"] = async (browser, moment, whole) => {
  await recoverUntil(browser, moment, pauseMs);
  await browser.crashGpu();
  const faults = await faultsOfRun(browser, whole);
  const losses = browser.told.filter(
    (told) => told.kind === "run" && told.phase.name === "recovering",
  ).length;
  // While the loss is reported there is no new device yet that could be lost.
  const least = moment === "recovering" ? 1 : 2;
  return [...faults, ...(losses >= least ? [] : [`${losses} device losses were reported`])];
};

const gpuKilledAndReloaded: Pair["play"] = async (browser, moment, whole) => {
  await recoverUntil(browser, moment, untilKilledMs);
  await browser.reload();
  return await takenUp(browser, whole);
};

const gpuAndBrowserKilled: Pair["play"] = async (browser, moment, whole) => {
  await recoverUntil(browser, moment, untilKilledMs);
  await browser.killAndReopen();
  return await takenUp(browser, whole);
};

async function takenUp(browser: RunBrowser, whole: readonly Digest[]): Promise<string[]> {
  const { step } = await browser.call("resume");
  const faults = await faultsOfRun(browser, whole);
  return [...faults, ...(step === brokenAt ? [] : [`the run resumed from step ${step}`])];
}

/** The unsaved step is lost with the GPU a second time, and the run resumes from memory. */
const databaseFull: Pair["play"] = async (browser, moment, whole) => {
  await recoverUntil(browser, moment, pauseMs);
  await browser.call("fillDatabase", { isFull: true });
  await browser.wait(({ kind }) => kind === "saveFailed", 0);
  const from = browser.told.length;
  await browser.killGpu();
  await browser.wait(({ kind }) => kind === "rebuilt", from);
  await browser.call("fillDatabase", { isFull: false });
  const error = await browser.untilEnd(from);
  if (error !== null) {
    return [error];
  }
  const missed = browser.told.flatMap((told) => (told.kind === "saveFailed" ? [told.step] : []));
  const saved = whole.filter(({ step }) => !missed.includes(step));
  return [
    ...differences(saved, await browser.call("digests")),
    ...(saved.length > brokenAt ? [] : ["no checkpoint was saved after it"]),
  ];
};

const deviceFull: Pair["play"] = async (browser, moment, whole) => {
  await recoverUntil(browser, "recovering", pauseMs);
  const k = Number(moment.split(" ")[1]);
  await browser.call("failBuffer", { k });
  const faults = await faultsOfRun(browser, whole);
  const made = await browser.call("failBuffer", { k: -1 });
  return [...faults, ...(made.length > k ? [] : [`only ${made.length} buffers were created`])];
};

const gpuKilledAtResume: Pair["play"] = async (browser, moment, whole) => {
  const stands = [{ at: `saved ${brokenAt}`, ms: untilKilledMs } as const];
  await browser.call("standAt", { stands });
  await browser.call("start", { recipe: eight });
  await browser.standing(`saved ${brokenAt}`);
  await browser.killAndReopen();
  await browser.call("standAt", { stands: [{ at: moment, ms: pauseMs }] });
  const { step } = await browser.call("resume");
  await browser.standing(moment);
  await browser.killGpu();
  const faults = await faultsOfRun(browser, whole);
  const rebuilt = browser.told.filter(({ kind }) => kind === "rebuilt").length;
  return [
    ...faults,
    ...(step === brokenAt ? [] : [`the run resumed from step ${step}`]),
    ...(rebuilt === 1 ? [] : [`${rebuilt} rebuilds`]),
  ];
};
