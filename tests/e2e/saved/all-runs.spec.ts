// Export and import of all runs on the page: a figure that rises, and a Cancel that leaves nothing
// half.
import { readFileSync, writeFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { archiveOf } from "../../faults/page/made-archive.ts";
import { onProcessor } from "../support/faults.ts";
import { expect, test } from "../support/story.ts";

/** Some seconds of import. */
const runs = 800;
const longestCancelMs = 1000;

test("an import and an export of all runs show how far they are and are cancelled within a second", async ({
  visit,
}, testInfo) => {
  const { page } = await visit({ browserArguments: onProcessor });
  const path = testInfo.outputPath("runs.zip");
  const archive = await archiveOf({ runs, odd: "bad-entry", values: 2000 });
  writeFileSync(path, new Uint8Array(await archive.arrayBuffer()));

  await page.getByRole("tab", { name: "Checkpoints" }).click();
  const panel = page.getByRole("tabpanel", { name: "Checkpoints" });
  await panel.getByLabel("Import all runs").setInputFiles(path);
  await expectRise(page, "Importing the runs");
  await cancelInTime(page, "Importing the runs");
  const words = (await panel.getByText(/^Cancelled\./).textContent())!;
  const came = Number(/(\d+) checkpoint/.exec(words)![1]);
  expect(words).toContain("each whole. Import the file again for the rest.");
  await expect(panel.getByRole("listitem")).toHaveCount(Math.min(50, came));
  await panel.getByRole("button", { name: `more of ${came} runs` }).click();
  await expect(panel.getByRole("listitem")).toHaveCount(Math.min(100, came));

  await panel.getByLabel("Import all runs").setInputFiles(path);
  const rest = page.getByText(`${runs - 1 - came} checkpoints imported. ${came} already existed.`);
  await expect(rest).toBeVisible({ timeout: 60_000 });
  await expect(
    panel.getByText("Not imported: runs/run-0/checkpoint-1.safetensors: Bytes 0 to"),
  ).toBeVisible();

  await panel.getByRole("button", { name: "Export all runs" }).click();
  await expectRise(page, "Exporting all runs");
  await testInfo.attach("exporting", { body: await page.screenshot() });
  await cancelInTime(page, "Exporting all runs");
  await expect(panel.getByText(/^Cancelled\. Nothing was changed/)).toBeVisible();
  await expect(panel.getByRole("alert")).toHaveCount(0);

  const downloading = page.waitForEvent("download");
  await panel.getByRole("button", { name: "Export all runs" }).click();
  const file = await (await downloading).path();
  expect(readFileSync(file).length).toBeGreaterThan(runs * 90_000);
});

async function expectRise(page: Page, name: string): Promise<void> {
  const bar = page.getByRole("progressbar", { name });
  const figure = async () => Number((await bar.getAttribute("value")) ?? 0);
  await expect.poll(figure, { intervals: [50] }).toBeGreaterThan(0);
  const first = await figure();
  await expect.poll(figure, { intervals: [50] }).toBeGreaterThan(first);
}

/** Measured in the page: Playwright looks a few times a second only. */
async function cancelInTime(page: Page, name: string): Promise<void> {
  const cancel = page.getByRole("button", { name: "Cancel", exact: true });
  const durationMs = await cancel.evaluate(async (button: HTMLElement, label) => {
    const begun = performance.now();
    button.click();
    while (document.querySelector(`progress[aria-label="${label}"]`) !== null) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return performance.now() - begun;
  }, name);
  expect(durationMs).toBeLessThan(longestCancelMs);
}
