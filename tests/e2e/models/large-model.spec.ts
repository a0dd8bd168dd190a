// A model of 1.1 B parameters is converted from files to q4 in the page's storage, in bounded
// memory.
import { mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "@playwright/test";
import { HeapWatch } from "../../../tools/support/heap-watch.ts";
import { writeLargeCheckpoint } from "../../support/large-checkpoint.ts";
import { choose } from "../../../tools/support/page.ts";
import { peakResidentBytes } from "../../support/process-memory.ts";
import { expect, smallRecipe, test } from "../support/story.ts";

/** The files, their q4 copy and a margin. */
const neededDiskBytes = 6e9;

test("a model of 1.1 B parameters is stored as q4 within the memory of two tensors", async ({
  visit,
}) => {
  const { bavail, bsize } = statfsSync(tmpdir());
  test.skip(bavail * bsize < neededDiskBytes, "less than 6 GB of disk are free");
  const folder = mkdtempSync(join(tmpdir(), "anneal-large-"));
  try {
    const { sizeBytes, largestTensorBytes } = writeLargeCheckpoint(folder);
    const { context, page, events } = await visit();
    await choose(page, { recipe: smallRecipe });
    const watch = await HeapWatch.attach(page);

    const chosenAt = Date.now();
    const files = readdirSync(folder).map((name) => join(folder, name));
    await page.getByLabel("Choose files", { exact: true }).setInputFiles(files);
    const offer = page.getByRole("group", { name: "Model looked up" });
    await expect(offer).toContainText("1.10 B parameters", { timeout: 120_000 });
    const offeredAt = Date.now();
    await offer.getByLabel("Weight format").selectOption("q4/64");
    await expect(offer).toContainText("Fits");
    await offer.getByRole("button", { name: "Load this model" }).click();
    await expect(page.getByRole("region", { name: "Models on this device" })).toContainText(
      "q4, groups of 64",
      { timeout: 240_000 },
    );
    const storedAt = Date.now();

    expect(watch.workers).toBeGreaterThan(0); // the session's
    const peak = await watch.stop();
    const cacheBytes = await page.evaluate(async () => (await navigator.storage.estimate()).usage);
    const seconds = (storedAt - offeredAt) / 1000;
    console.log(
      [
        `looked up in ${((offeredAt - chosenAt) / 1000).toFixed(1)} s`,
        `stored in ${seconds.toFixed(1)} s, ${megabytes(sizeBytes / seconds)} of bf16 a second`,
        `peak ${megabytes(peak.totalBytes)} of JavaScript: heaps ${megabytes(peak.heapBytes)}, buffers ${megabytes(peak.bufferBytes)}, ${peak.samples} samples`,
        `storage ${megabytes(cacheBytes ?? 0)}`,
        ...(await residentWords(context.browser())),
      ].join("\n"),
    );
    expect(events.of("loading").at(-1)?.totalBytes).toBeGreaterThan(6e8);
    expect(cacheBytes).toBeGreaterThan(6e8);
    expect(cacheBytes).toBeLessThan(6.6e8);
    expect(peak.samples).toBeGreaterThan(50);
    expect(peak.totalBytes).toBeLessThan(2 * largestTensorBytes + 64 * 2 ** 20);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

/** Peak memory of the page's process, where the system reports it. */
async function residentWords(browser: Browser | null): Promise<string[]> {
  if (browser === null || process.platform !== "linux") {
    return [];
  }
  const { rendererBytes } = await peakResidentBytes(browser);
  return [`peak resident memory of the page's process: ${megabytes(rendererBytes)}`];
}
