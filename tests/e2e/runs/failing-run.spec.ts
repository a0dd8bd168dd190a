// Failing runs: a loss that is not finite, and storage that is full. Earlier checkpoints stay.
import type { Page } from "@playwright/test";
import { allTargetModules } from "../../../src/recipe/options.ts";
import { onProcessor } from "../support/faults.ts";
import { choose } from "../../../tools/support/page.ts";
import { expect, siteUrl, smallRecipe, start, test } from "../support/story.ts";

test("a run whose loss is not finite stops at its last good step, and a refused resume is shown in view", async ({
  visit,
}) => {
  const { page, events } = await visit();
  // Without a second moment the update is a ratio of two gradients, which soon leaves the range of
  // f32 in the product of gate and up. (A large residual stream alone is normalised away: its loss
  // stays finite.)
  await start(page, {
    ...smallRecipe,
    targetModules: ["gate_proj", "up_proj"],
    rank: 1,
    alpha: 4096,
    learningRate: 1,
    schedule: "constant",
    beta2: 0,
    epsilon: 1e-12,
    maxGradNorm: 0,
    maxSteps: 40,
    saveSteps: 1,
  });
  await expect(events.waitForEnd()).rejects.toThrow(/lower learning rate/);

  const lastGood = events.of("saved").at(-1)!.checkpoint.step;
  expect(lastGood).toBeGreaterThan(0);
  const note = runRegion(page).getByRole("alert");
  await expect(note).toContainText("The run stopped.");
  await expect(note).toContainText("Resume from a saved step with a lower learning rate");
  await expect(note).toContainText(`The run is saved up to step ${lastGood}.`);

  await page.evaluate(() => {
    void navigator.locks.request("anneal-run", () => new Promise(() => undefined));
  });
  await note.getByRole("button", { name: `Resume from step ${lastGood}` }).click();
  const refusal = runRegion(page).getByRole("alert").filter({ hasText: "in another tab" });
  await expect(refusal).toHaveCount(1);
  await expect(refusal.getByRole("button", { name: "Take over the run" })).toBeInViewport();
});

test("a run continues when storage is full, blocks another start, and is saved once storage is free", async ({
  visit,
  undisturbed,
}) => {
  const { context, page, events } = await visit({ browserArguments: onProcessor });
  const devTools = await context.newCDPSession(page);
  const { origin } = new URL(siteUrl());
  await devTools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 3 * 2 ** 20 });
  await choose(page, {});
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await page.getByLabel("Import a checkpoint").setInputFiles(undisturbed.checkpoint);
  const older = page.getByRole("button", { name: "Resume step 4" });
  await expect(older).toBeEnabled();

  // Adapter and moments have 7.5 MB, more than the quota.
  const targetModules = [...allTargetModules];
  await start(page, { ...smallRecipe, targetModules, rank: 64, maxSteps: 3 });
  await events.waitForEnd();
  expect(events.of("step")).toHaveLength(3);
  expect(events.of("saveFailed").map(({ error }) => error.code)).toContain("quota");
  const run = runRegion(page);
  const alert = run.getByRole("alert").filter({ hasText: "last save failed" });
  await expect(alert).toContainText("Earlier checkpoints are untouched");
  await expect(run).toContainText("Done: 3 steps, not saved");
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await expect(older).toBeEnabled();
  await expect(page.getByRole("button", { name: "Start training" })).toBeDisabled();
  await expect(page.getByText("The last run is not saved. Save it first")).toBeVisible();

  await devTools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 2 ** 40 });
  // Chrome caches the old quota for up to half a minute.
  const save = page.getByRole("button", { name: "Save the run" });
  await expect(async () => {
    if (await save.isVisible()) {
      await save.click({ timeout: 1000 });
    }
    await expect(run).toContainText("Done: 3 steps and saved", { timeout: 2000 });
  }).toPass({ timeout: 60_000 });
  await expect(alert).toBeHidden();
  const checkpoints = page.getByRole("tabpanel", { name: "Checkpoints" });
  await expect(checkpoints).toContainText("step 3 of 3");
  await expect(page.getByRole("button", { name: "Start training" })).toBeEnabled();
});

function runRegion(page: Page) {
  return page.getByRole("region", { name: "Run", exact: true });
}
