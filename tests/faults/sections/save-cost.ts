// Measures the cost of saving 100 MB of state besides the state itself: resident memory of every
// browser process, and time of the page's main thread.
import { join } from "node:path";
import type { Page } from "playwright";
import { FaultBrowser, type Backend } from "../browser.ts";
import { forgetPeak, peakBytes } from "../processes.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";

const stateBytes = 100e6;
const mostExtraBytes = 64e6;
const longestTaskMs = 50;

export async function saveCost(
  backend: Backend,
  { url, folder }: Setting,
  tally: Tally,
): Promise<void> {
  const browser = await FaultBrowser.open(join(folder, `cost-${backend}`), backend, url);
  await browser.call("open", { chunkBytes: 40_000 });
  await browser.call("save", { step: 1, values: 2000 });
  const { bytes } = await browser.call("makeLarge", { bytes: stateBytes });
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await tryOutWatch(browser.page);
  const pids = await processIds(browser);
  const before = pids.map(({ id }) => {
    forgetPeak(id);
    return peakBytes(id);
  });
  const { durationMs } = await browser.call("saveLarge", null);
  const extra = pids.map(({ id, type }, i) => ({ type, bytes: peakBytes(id) - (before[i] ?? 0) }));
  await reported();
  const longest = await longestTask(browser.page);
  await browser.close();
  const total = extra.reduce((sum, process) => sum + process.bytes, 0);
  const each = extra
    .filter((process) => process.bytes > 5e5)
    .map((process) => `${process.type} ${inMegabytes(process.bytes)}`);
  console.log(
    `${backend}: ${inMegabytes(bytes)} MB of state saved in ${Math.round(durationMs)} ms, ` +
      `${inMegabytes(total)} MB extra (${each.join(", ")}), longest task ${Math.round(longest)} ms`,
  );
  tally.add(
    `${backend}, memory`,
    total <= mostExtraBytes ? [] : [`${inMegabytes(total)} MB extra`],
  );
  tally.add(
    `${backend}, main thread`,
    longest <= longestTaskMs ? [] : [`a task of ${Math.round(longest)} ms`],
  );
}

async function processIds(browser: FaultBrowser): Promise<{ id: number; type: string }[]> {
  const devTools = await browser.context.browser()!.newBrowserCDPSession();
  const { processInfo } = await devTools.send("SystemInfo.getProcessInfo");
  return processInfo.map(({ id, type }) => ({ id, type }));
}

/** Checks the observer with a task of known length. */
async function tryOutWatch(page: Page): Promise<void> {
  await page.evaluate(() => {
    (globalThis as unknown as { blockFor: (ms: number) => void }).blockFor(100);
  });
  await reported();
  const seenMs = await longestTask(page);
  if (seenMs < 100) {
    throw new Error(`A task of 100 ms was reported as one of ${seenMs} ms.`);
  }
}

/** Waits for the observer, which reports a task some time after its end. */
async function reported(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 1000));
}

/** Milliseconds, since the last call; 0 when no task exceeded 50. */
async function longestTask(page: Page): Promise<number> {
  return await page.evaluate(() =>
    (globalThis as unknown as { longestTask: () => number }).longestTask(),
  );
}

function inMegabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
