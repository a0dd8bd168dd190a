// Large files: progress, and cancelling while rows are counted and while tokens are made.
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Locator, Page } from "@playwright/test";
import { expectAccessible } from "../support/accessible.ts";
import { jsonl } from "../support/made-files.ts";
import { expect, test } from "../support/story.ts";
import { openData, put } from "./support.ts";

const row = {
  prompt: "Is the shop open today?",
  completion: " Yes, until 5 o'clock: bread, flowers and books.",
};
const line = `${JSON.stringify(row)}\n`;

/** Puts a file of rows, some 100 bytes each; it is read from the disk. */
async function putLarge(page: Page, folder: string, rows: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "large.jsonl");
  const block = line.repeat(50_000);
  writeFileSync(path, "");
  for (let written = 0; written < rows; written += 50_000) {
    appendFileSync(path, block);
  }
  await put(page, path);
}

// eslint-disable-next-line no-empty-pattern
test.afterEach(({}, { outputDir }) => {
  rmSync(join(outputDir, "large.jsonl"), { force: true });
});

/** Waits until a figure has risen twice, clicks, and expects the work to stop within a second. */
async function cancelWhileRising(page: Page, progress: Locator, button: string): Promise<void> {
  const doneBytes = async () => Number((await progress.getAttribute("value")) ?? 0);
  const first = await doneBytes();
  await expect.poll(doneBytes, { intervals: [50] }).toBeGreaterThan(first);
  const second = await doneBytes();
  await expect.poll(doneBytes, { intervals: [50] }).toBeGreaterThan(second);
  await page.getByRole("button", { name: button }).click();
  await expect(progress).toHaveCount(0, { timeout: 1000 });
}

test("counting the rows of a large file is cancelled, and another file loads", async ({ visit }, {
  outputDir,
}) => {
  const { page, data } = await openData(visit);
  await putLarge(page, outputDir, 3_000_000);
  const progress = data.getByRole("progressbar", { name: "Loading data" });
  await expect(progress).toBeVisible();
  await expectAccessible(page);
  await cancelWhileRising(page, progress, "Cancel loading");
  await expect(data).toContainText("data.jsonl, bundled");
  await expect(data.getByRole("alert")).toHaveCount(0);

  await put(page, jsonl(Array<object>(20).fill(row)));
  await expect(data).toContainText("20 rows, Prompt and completion");
  await expect(data).toContainText("20 for training");
});

test("making tokens of a large file is cancelled, begun again, and another file loads", async ({
  visit,
}, { outputDir }) => {
  const { page, data } = await openData(visit);
  await putLarge(page, outputDir, 150_000);
  const progress = data.getByRole("progressbar", { name: "Counting tokens" });
  await expect(progress).toBeVisible();
  await cancelWhileRising(page, progress, "Cancel counting");
  await expect(data).toContainText("The tokens are not counted.");
  await expect(page.getByRole("button", { name: "Start training" })).toBeDisabled();
  await expectAccessible(page);
  await data.getByRole("button", { name: "Count the tokens" }).click();
  await expect(progress).toBeVisible();
  await expectAccessible(page);

  await put(page, jsonl(Array<object>(20).fill(row)));
  await expect(data).toContainText("own.jsonl, 20 rows");
  await expect(data).not.toContainText("of 15.2 MB");
  await expect(data).toContainText("20 for training");
  await expect(progress).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Start training" })).toBeEnabled();
});
