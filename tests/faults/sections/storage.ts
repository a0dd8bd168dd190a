// Fills, clears, closes or blocks the browser's storage while the store saves.
import { join } from "node:path";
import { FaultBrowser, type Backend } from "../browser.ts";
import { faultsOf } from "../check-recovery.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

/** Eight chunks, 2 MB in all. */
const chunkBytes = 2 ** 18;
const values = 43_000;
const longestAwaitMs = 6000;

export async function storage(
  backend: Backend,
  { url, folder }: Setting,
  tally: Tally,
): Promise<void> {
  const cases = { quotaExceeded, clearedDuringSave, clearedAtRest, closedDuringSave, heldUpgrade };
  for (const [name, play] of Object.entries(cases)) {
    const browser = await FaultBrowser.open(join(folder, `${name}-${backend}`), backend, url);
    try {
      const faults = await play(browser, url);
      tally.add(`${backend}, ${name}`, [...faults, ...slowCalls(browser)]);
    } catch (error) {
      tally.add(`${backend}, ${name}`, [String(error)]);
    }
    await browser.close();
  }
}

/** Calls over the limit; an inspection makes many store calls and is exempt. */
function slowCalls({ durations }: FaultBrowser): string[] {
  return durations
    .filter(({ name, ms }) => name !== "inspect" && ms >= longestAwaitMs)
    .map(({ name, ms }) => `${name} took ${Math.round(ms)} ms`);
}

type Case = (browser: FaultBrowser, url: string) => Promise<string[]>;

/** Three checkpoints fit, then the quota is exceeded; with a larger quota, saves succeed again. */
const quotaExceeded: Case = async (browser, url) => {
  const devTools = await browser.devTools();
  const { origin } = new URL(url);
  // Before the first write: Chrome caches the quota for half a minute.
  await devTools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 7 * 2 ** 20 });
  await browser.call("open", { chunkBytes });
  let step = 0;
  let refusal = null;
  while (refusal === null && step < 10) {
    step += 1;
    refusal = (await browser.call("save", { step, values })).error;
  }
  const full = await browser.call("inspect", { values });
  const acknowledged = browser.acknowledged();
  await devTools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 2 ** 40 });
  const after = await saveAfterQuota(browser, step);
  return [
    ...faultsOf(full, acknowledged),
    ...(refusal?.code === "quota" ? [] : [`the refusal was ${JSON.stringify(refusal)}`]),
    ...(step > 1 ? [] : ["no checkpoint was saved"]),
    ...(full.leftovers === 0 ? [] : [`${full.leftovers} chunks were left`]),
    ...(after === null ? [] : [`with a larger quota: ${after}`]),
  ];
};

async function saveAfterQuota(browser: FaultBrowser, step: number): Promise<string | null> {
  let last = "never tried";
  for (let tries = 0; tries < 40; tries++) {
    const { error } = await browser.call("save", { step, values });
    if (error === null) {
      return null;
    }
    last = error.message;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  return last;
}

/** The chunks written so far are gone: the save is repeated in the new database. */
const clearedDuringSave: Case = async (browser, url) => {
  await browser.call("open", { chunkBytes });
  await browser.call("save", { step: 1, values });
  await browser.call("saveUntil", { step: 2, values, point: "after-chunk" });
  await clearDatabases(browser, url);
  const { error } = await browser.call("goOn", null);
  const { newestValid } = await browser.call("inspect", { values });
  // The data set is gone with the database. As in a run, the next save writes it again.
  await browser.call("save", { step: 3, values });
  const found = await browser.call("inspect", { values });
  return [
    ...faultsOf(found, browser.acknowledged()),
    ...(error === null ? [] : [`the save was refused: ${error.message}`]),
    ...(newestValid["main"] === 2 ? [] : [`step 2 was not found: ${JSON.stringify(newestValid)}`]),
  ];
};

const clearedAtRest: Case = async (browser, url) => {
  await browser.call("open", { chunkBytes });
  await browser.call("save", { step: 1, values });
  await browser.call("save", { step: 2, values });
  await clearDatabases(browser, url);
  const { report } = await browser.call("inspect", { values });
  const { error } = await browser.call("save", { step: 3, values });
  const told = report.lost.map(
    ({ runId, step, isDatabaseGone }) => `${runId} ${step} ${isDatabaseGone}`,
  );
  return [
    ...(told.join() === "main 2 true"
      ? []
      : [`the data loss was reported as ${JSON.stringify(told)}`]),
    ...(report.checkpoints.length === 0 ? [] : ["the database was not cleared"]),
    ...(error === null ? [] : [`the next save was refused: ${error.message}`]),
  ];
};

const closedDuringSave: Case = async (browser) => {
  await browser.call("open", { chunkBytes });
  await browser.call("save", { step: 1, values });
  await browser.call("saveUntil", { step: 2, values, point: "after-chunk" });
  await browser.call("closeConnections", null);
  const { error } = await browser.call("goOn", null);
  const found = await browser.call("inspect", { values });
  return [
    ...faultsOf(found, browser.acknowledged()),
    ...(error === null ? [] : [`the save was refused: ${error.message}`]),
  ];
};

/** Another tab holds an upgrade open. */
const heldUpgrade: Case = async (browser, url) => {
  await browser.call("open", { chunkBytes });
  await browser.call("save", { step: 1, values });
  const other = await browser.context.newPage();
  await other.goto(url);
  await other.evaluate(() =>
    (globalThis as unknown as { holdUpgrade: () => Promise<void> }).holdUpgrade(),
  );
  const { error } = await browser.call("save", { step: 2, values });
  await other.close();
  const after = await browser.call("save", { step: 2, values });
  const found = await browser.call("inspect", { values });
  return [
    ...faultsOf(found, browser.acknowledged()),
    ...(error?.code === "busy" ? [] : [`during the upgrade: ${JSON.stringify(error)}`]),
    ...(after.error === null ? [] : [`after the upgrade: ${after.error.message}`]),
  ];
};

async function clearDatabases(browser: FaultBrowser, url: string): Promise<void> {
  const devTools = await browser.devTools();
  const { origin } = new URL(url);
  await devTools.send("Storage.clearDataForOrigin", { origin, storageTypes: "indexeddb" });
}
