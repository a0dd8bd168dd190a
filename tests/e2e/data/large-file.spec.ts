// What a large file costs: memory of JavaScript, tasks of the page, and tokens made once.
// ANNEAL_DATA_FILE names another file, for the figures of docs/benchmarks.md. Stories of cancelled
// work are in large.spec.ts.
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "@playwright/test";
import { choose } from "../../../tools/support/page.ts";
import { writeChats } from "../../../tools/bench/data/make-chats.ts";
import { HeapWatch } from "../../../tools/support/heap-watch.ts";
import { writeQwen3Folder } from "../../support/qwen3-folder.ts";
import { expect, test } from "../support/story.ts";
import { fastRecipe, openData, put } from "./support.ts";

const largeFile = process.env["ANNEAL_DATA_FILE"];
/** Of any file: the limit that the page of a laptop can bear. */
const javaScriptLimitBytes = 1.5e9;
const hourMs = 3_600_000;

test.setTimeout(hourMs);

test("a large file takes bounded memory, leaves the page free, and is tokenised once", async ({
  visit,
}, { outputDir }) => {
  mkdirSync(outputDir, { recursive: true });
  const model = join(outputDir, "model");
  mkdirSync(model);
  writeQwen3Folder(model);
  const path = largeFile ?? join(outputDir, "chats.jsonl");
  if (largeFile === undefined) {
    writeChats(path, 10e6);
  }
  const { page, data, events } = await openData(visit, { ...fastRecipe, maxLength: 320 });
  await choose(page, { model });
  await expect(page.getByRole("region", { name: "Model", exact: true })).toContainText("Qwen3");
  await expect(page.getByRole("group", { name: "Model looked up" })).toHaveCount(0);
  const watch = await HeapWatch.attach(page, 100);
  await watchTasks(page);

  // The rows of a small file are counted before a person could press the button.
  const loading = largeFile === undefined ? null : await cancelLoading(page, data, path);

  const chosenAt = Date.now();
  await put(page, path);
  const counting = await calledOff(data, "Counting tokens", "Cancel counting");
  await expect(data).toContainText("The tokens are not counted.");

  const countedFrom = Date.now();
  await data.getByRole("button", { name: "Count the tokens" }).click();
  const steps = page.getByText(/trainable\s+parameters/);
  await expect(steps).toBeVisible({ timeout: hourMs });
  const seconds = (from: number) => ((Date.now() - from) / 1000).toFixed(1);
  const peak = await watch.stop();
  console.log(
    [
      `${(statSync(path).size / 1e6).toFixed(0)} MB counted in ${seconds(countedFrom)} s, ${seconds(chosenAt)} s after it was chosen`,
      `called off within ${Math.max(loading ?? 0, counting)} ms of a press`,
      `page tasks over 50 ms: ${(await longTasks(page)).join(", ") || "none"}`,
      `JavaScript: ${(peak.totalBytes / 1e6).toFixed(0)} MB at most, ${peak.samples} samples, ${watch.workers} workers`,
    ].join("\n"),
  );
  expect(peak.totalBytes).toBeLessThan(javaScriptLimitBytes);

  const made = events.of("tokenizing").length;
  expect(made).toBeGreaterThan(0);
  await page.getByText("More", { exact: true }).click();
  await page.getByLabel("learning rate", { exact: true }).fill("0.0007");
  await page.keyboard.press("Tab");
  await expect(page.getByText(/learning rate (0\.0007|7e-4)/)).toBeVisible();
  await expect(steps).toBeVisible();
  expect(events.of("tokenizing")).toHaveLength(made);
});

async function cancelLoading(page: Page, data: Locator, path: string): Promise<number> {
  await put(page, path);
  const tookMs = await calledOff(data, "Loading data", "Cancel loading");
  await expect(data).toContainText("data.jsonl, bundled");
  return tookMs;
}

/** Waits until the progress has risen, cancels, and returns how long the bar stays, in ms. */
async function calledOff(data: Locator, progress: string, cancel: string): Promise<number> {
  const bar = data.getByRole("progressbar", { name: progress });
  await expect(bar).toBeVisible({ timeout: hourMs });
  const value = async () => Number((await bar.getAttribute("value")) ?? 0);
  await expect.poll(value, { intervals: [20] }).toBeGreaterThan(0);
  const first = await value();
  await expect.poll(value, { intervals: [20] }).toBeGreaterThan(first);
  const from = Date.now();
  await data.getByRole("button", { name: cancel }).click();
  await expect(bar).toHaveCount(0);
  return Date.now() - from;
}

/** Records the page's own tasks of 50 ms and more. */
async function watchTasks(page: Page): Promise<void> {
  await page.evaluate(() => {
    const tasks: string[] = [];
    const begin = performance.now();
    new PerformanceObserver((list) => {
      for (const { duration, startTime } of list.getEntries()) {
        const second = ((startTime - begin) / 1000).toFixed(1);
        tasks.push(`${duration.toFixed(0)} ms in second ${second}`);
      }
    }).observe({ type: "longtask" });
    Object.assign(globalThis, { longTasks: tasks });
  });
}

async function longTasks(page: Page): Promise<string[]> {
  return await page.evaluate(() => (globalThis as unknown as { longTasks: string[] }).longTasks);
}
