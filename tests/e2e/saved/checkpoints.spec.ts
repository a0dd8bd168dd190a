// Checkpoints: when they are saved, which are kept, and their actions.
import { mkdirSync, readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { download, type EventLog } from "../../../tools/support/page.ts";
import { onProcessor } from "../support/faults.ts";
import { expect, smallRecipe, start, test } from "../support/story.ts";

test("a run is saved when it is paused, hidden or stopped, and keeps its newest three checkpoints and the pinned", async ({
  visit,
}, testInfo) => {
  const { page, events } = await visit({ browserArguments: onProcessor });
  // All steps are worse than the untrained model, so none is the best. They are long, so that the
  // page is hidden before step 2.
  await start(page, {
    ...smallRecipe,
    batchSize: 4,
    gradientAccumulationSteps: 4,
    learningRate: 1,
    warmupSteps: 1,
    maxSteps: 2000,
    evalSteps: 1,
    earlyStoppingPatience: 0,
    saveSteps: 0,
  });
  await events.waitForStep(0);
  await hide(page);
  const first = await waitForSave(events, 1, "hidden");

  await page.getByRole("tab", { name: "Checkpoints" }).click();
  const panel = page.getByRole("tabpanel", { name: "Checkpoints" });
  await panel.getByRole("button", { name: `Pin step ${first}` }).click();

  const saved = [first];
  for (const count of [2, 3, 4]) {
    await events.waitForStep(saved.at(-1)! + 1);
    await page.getByRole("button", { name: "Pause" }).click();
    saved.push(await waitForSave(events, count, "pause"));
    await expect(page.getByText(`Paused at step ${saved.at(-1)} of 2000 and saved`)).toBeVisible();
    await page.getByRole("button", { name: "Resume", exact: true }).click();
  }
  await events.waitForStep(saved.at(-1)! + 1);
  await page.getByRole("button", { name: "Stop and save" }).click();
  saved.push(await waitForSave(events, 5, "stop"));
  await events.waitForEnd();

  const listed = panel.getByRole("listitem");
  const kept = [saved[4], saved[3], saved[2], saved[0]];
  await expect(listed).toHaveCount(kept.length);
  for (const [index, step] of kept.entries()) {
    await expect(listed.nth(index)).toContainText(`step ${step} of 2000`);
  }
  await expect(listed.filter({ hasText: "pinned" })).toContainText(`step ${first} of 2000`);
  await expect(listed.getByText("best", { exact: true })).toHaveCount(0);

  const deletion = panel.getByRole("button", { name: `Delete step ${saved[3]}` });
  await deletion.press("Enter");
  await expect(panel.getByRole("button", { name: "Cancel" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(deletion).toBeFocused();
  await deletion.press("Enter");
  await panel.getByRole("button", { name: `Delete now step ${saved[3]}` }).click();
  await expect(listed).toHaveCount(kept.length - 1);
  await expect(panel).not.toContainText(`step ${saved[3]} of 2000`);

  const folder = testInfo.outputPath("files");
  mkdirSync(folder, { recursive: true });
  for (const step of [first, saved[4]]) {
    await download(page, `Adapter step ${step}`, "button", `${folder}/${step}.zip`);
  }
  const [older, newest] = [first, saved[4]].map((step) => readFileSync(`${folder}/${step}.zip`));
  expect(older!.length).toBeGreaterThan(10_000);
  expect(older!.equals(newest!)).toBe(false);

  await page.reload();
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await expect(listed).toHaveCount(kept.length - 1);
});

/** Headless Chromium never reports a page as hidden, so the property is overridden. */
async function hide(page: Page): Promise<void> {
  await page.evaluate(() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
    Object.defineProperty(document, "visibilityState", { value: "visible", configurable: true });
  });
}

/** Waits for the save number `count` of the run. @returns its step */
async function waitForSave(events: EventLog, count: number, reason: string): Promise<number> {
  await events.wait(`save ${count}`, () => events.of("saved").length >= count);
  const saved = events.of("saved")[count - 1]!;
  expect(saved.reason).toBe(reason);
  return saved.checkpoint.step;
}
