// A second fault while a run comes back from a first. It ends bit for bit as the run that nothing
// disturbed.
import type { Recipe } from "../../../src/recipe/recipe.ts";
import { differences, faultsOfRun, recipe, undisturbed } from "../compare-runs.ts";
import type { Digest, Moment } from "../page/run-protocol.ts";
import type { RunBrowser } from "../run-browser.ts";
import type { Tally } from "../tally.ts";

const eight: Partial<Recipe> = { ...recipe, maxSteps: 8 };
/** The step within whose save the first fault comes. */
const brokenAt = 3;
/** Long enough for a fault to come in from outside. */
const pauseMs = 700;
const untilKilledMs = 600_000;

interface Pair {
  name: string;
  /** Of the recovery; the most telling first. */
  moments: readonly Moment[];
  play: (browser: RunBrowser, moment: Moment, whole: readonly Digest[]) => Promise<string[]>;
}

/** @param moments of each pair that are played, at most */
export async function runPairs(browser: RunBrowser, moments: number, tally: Tally): Promise<void> {
  tally.add(
    "a buffer too large for this machine is refused",
    (await browser.call("refusesTooMany")) ? [] : ["it was not, for want of room"],
  );
  await browser.call("failBuffer", { k: -1 });
  const whole = await undisturbed(browser, eight);
  const labels = await browser.call("failBuffer", { k: -1 });
  // After the last come the weights, the compiler and the first step.
  const last: Moment = `buffer ${labels.lastIndexOf("readback 2")}`;
  for (const pair of pairsWith(last)) {
    for (const moment of pair.moments.slice(0, moments)) {
      await browser.reload(); // a worker of its own
      tally.tell(`runs, ${pair.name}, at ${moment}`, await pair.play(browser, moment, whole));
    }
  }
}

function pairsWith(last: Moment): Pair[] {
  const moments: Moment[] = [last, "buffer 0", "rebuilt", "recovering"];
  return [
    { name: "GPU killed, then crashed", moments, play: gpuCrashedToo },
    { name: "GPU killed, then the page reloaded", moments, play: gpuKilledAndReloaded },
    { name: "GPU killed, then the browser", moments, play: gpuAndBrowserKilled },
    {
      name: "GPU killed, then the database full",
      moments: ["recovering", last, "buffer 0", "rebuilt"],
      play: databaseFull,
    },
    { name: "GPU killed, then no room", moments: [last, "buffer 0"], play: deviceFull },
    {
      name: "browser killed, then the GPU at resume",
      moments: [last, "buffer 0"],
      play: gpuKilledAtResume,
    },
  ];
}

/** Starts a run whose GPU process is killed, and leaves it standing at a moment of its recovery. */
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
  // While the loss is told of there is no device yet that could be lost with it.
  const least = moment === "recovering" ? 1 : 2;
  return [...faults, ...(losses >= least ? [] : [`${losses} losses were told of`])];
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
  return [...faults, ...(step === brokenAt ? [] : [`step ${step} was taken up`])];
}

/** The step that could not be saved is lost with the GPU once more, and taken up from memory. */
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
    ...(saved.length > brokenAt ? [] : ["nothing was saved after it"]),
  ];
};

const deviceFull: Pair["play"] = async (browser, moment, whole) => {
  await recoverUntil(browser, "recovering", pauseMs);
  const k = Number(moment.split(" ")[1]);
  await browser.call("failBuffer", { k });
  const faults = await faultsOfRun(browser, whole);
  const made = await browser.call("failBuffer", { k: -1 });
  return [...faults, ...(made.length > k ? [] : [`only ${made.length} buffers were made`])];
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
    ...(step === brokenAt ? [] : [`step ${step} was taken up`]),
    ...(rebuilt === 1 ? [] : [`${rebuilt} rebuilds`]),
  ];
};
