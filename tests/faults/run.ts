// `npm run test:faults`: injects faults into the browser and checks the checkpoint store and runs.
//   --only <section>[,<section>]  kill-points, random-kills, power-cuts, torn-log, operations,
//                                 storage, disk, bit-flips, odd-archives, wiped-storage,
//                                 hostile-hub, save-cost, runs, run-pairs, run-buffers
//   --times <n>                   kills at each point in each scenario
//   --kills <n>, --cuts <n>, --flips <n>  sizes of the random sections
//   --long                        the full sizes
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { backends, type Backend } from "./browser.ts";
import { RunBrowser } from "./run-browser.ts";
import { flipsIn, flipsInNode } from "./sections/bit-flips.ts";
import { disk } from "./sections/disk.ts";
import { hostileHub } from "./sections/hostile-hub.ts";
import { killPoints } from "./sections/kill-points.ts";
import { oddArchives } from "./sections/odd-archives.ts";
import { operations } from "./sections/operations.ts";
import { powerCuts } from "./sections/power-cuts.ts";
import { randomKills } from "./sections/random-kills.ts";
import { runBuffers } from "./sections/run-buffers.ts";
import { runPairs } from "./sections/run-pairs.ts";
import { runs, type RunSizes } from "./sections/runs.ts";
import { saveCost } from "./sections/save-cost.ts";
import { storage } from "./sections/storage.ts";
import { openSite } from "./site.ts";
import { tornLog } from "./sections/torn-log.ts";
import { wipedStorage } from "./sections/wiped-storage.ts";
import { Tally } from "./tally.ts";

export interface Setting {
  /** Of the test page. */
  url: string;
  /** For the profiles. */
  folder: string;
}

interface Sizes {
  /** Kills at each point in each scenario. */
  times: number;
  kills: number;
  /** Power cuts. */
  cuts: number;
  flips: number;
  /** Small runs that are exported and imported at once. */
  runsInArchive: number;
  runs: RunSizes;
  /** Moments of a recovery at which each second fault is injected, at most. */
  moments: number;
  /** Share of the buffers of a run that are refused, one at a time. */
  buffers: number;
}

type Section = (setting: Setting, sizes: Sizes, tally: Tally) => Promise<void>;

const sections: Readonly<Record<string, Section>> = {
  "kill-points": (setting, { times }, tally) =>
    onBoth(async (backend) => {
      const kills = await killPoints(backend, times, setting, tally);
      const counts = [...kills].map(([point, count]) => `${point} ${count}`);
      console.log(`${backend}: killed at ${counts.join(", ")}`);
    }),
  "random-kills": (setting, { kills }, tally) =>
    onBoth((backend) => randomKills(backend, Math.ceil(kills / 2), setting, tally)),
  "power-cuts": (setting, { cuts }, tally) =>
    onBoth((backend) => powerCuts(backend, Math.ceil(cuts / 2), setting, tally)),
  "torn-log": (setting, _, tally) => tornLog(setting, tally),
  operations: (setting, _, tally) => onBoth((backend) => operations(backend, setting, tally)),
  storage: (setting, _, tally) => onBoth((backend) => storage(backend, setting, tally)),
  disk: (setting, _, tally) => onBoth((backend) => disk(backend, setting, tally)),
  "bit-flips": async (setting, { flips }, tally) => {
    await flipsInNode(flips, tally);
    await onBoth((backend) => flipsIn(backend, setting, tally));
  },
  "odd-archives": (setting, { runsInArchive }, tally) =>
    onBoth((backend) => oddArchives(backend, runsInArchive, setting, tally)),
  "wiped-storage": (setting, _, tally) =>
    onBoth((backend) => wipedStorage(backend, setting, tally)),
  "hostile-hub": (setting, _, tally) => hostileHub(setting, tally),
  runs: (setting, sizes, tally) => onRuns(setting, (browser) => runs(browser, sizes.runs, tally)),
  "run-pairs": (setting, { moments }, tally) =>
    onRuns(setting, (browser) => runPairs(browser, moments, tally)),
  "run-buffers": (setting, { buffers }, tally) =>
    onRuns(setting, (browser) => runBuffers(browser, buffers, tally)),
  "save-cost": async (setting, _, tally) => {
    for (const backend of backends) {
      await saveCost(backend, setting, tally);
    }
  },
};

/** Runs one browser per database in parallel. */
async function onBoth(work: (backend: Backend) => Promise<void>): Promise<void> {
  await Promise.all(backends.map(work));
}

async function onRuns(
  { url, folder }: Setting,
  work: (browser: RunBrowser) => Promise<void>,
): Promise<void> {
  const browser = await RunBrowser.open(mkdtempSync(join(folder, "runs-")), url);
  await work(browser);
  await browser.close();
}

const { values: flags } = parseArgs({
  options: {
    only: { type: "string" },
    times: { type: "string" },
    kills: { type: "string" },
    cuts: { type: "string" },
    flips: { type: "string" },
    long: { type: "boolean", default: false },
  },
});
const sizes: Sizes = {
  times: Number(flags.times ?? (flags.long ? 1000 : 1)),
  kills: Number(flags.kills ?? (flags.long ? 500 : 100)),
  cuts: Number(flags.cuts ?? (flags.long ? 200 : 20)),
  flips: Number(flags.flips ?? 10_000),
  runsInArchive: 1000,
  runs: flags.long
    ? { every: 1, rebuildEvery: 1, gpuKills: 20 }
    : { every: 9, rebuildEvery: 6, gpuKills: 4 },
  moments: flags.long ? 4 : 1,
  buffers: flags.long ? 1 : 0.0125,
};
const wanted = flags.only?.split(",") ?? Object.keys(sections);
const folder = mkdtempSync(join(tmpdir(), "anneal-faults-"));
const site = await openSite();
const total = new Tally();
try {
  for (const name of wanted) {
    const section = sections[name];
    if (section === undefined) {
      throw new Error(`Unknown section ${name}. Choose from: ${Object.keys(sections).join(", ")}.`);
    }
    const tally = new Tally();
    const begun = performance.now();
    await section({ url: site.url, folder }, sizes, tally);
    const seconds = Math.round((performance.now() - begun) / 1000);
    console.log(`--- ${name}: ${tally.line()} in ${seconds} s`);
    total.passed += tally.passed;
    total.failed += tally.failed;
  }
} finally {
  await site.close();
  rmSync(folder, { recursive: true, force: true });
}
console.log(total.line());
process.exitCode = total.failed > 0 ? 1 : 0;
