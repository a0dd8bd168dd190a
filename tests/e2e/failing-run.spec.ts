// Faults of a run itself: numbers that are none, and no room to save. What was saved before stays.
import type { Page } from "@playwright/test";
import { allTargetModules } from "../../src/train/recipe.ts";
import { onProcessor } from "./faults.ts";
import { choose } from "../support/page.ts";
import { expect, siteUrl, smallRecipe, start, test } from "./story.ts";

test("a run whose loss is no number stops at its last good step", async ({ visit }) => {
  const { page, events } = await visit();
  // Without a second moment the step is the ratio of two gradients, which soon leaves the range of f32 where gate and up
  // are multiplied. (A residual stream that is merely huge has a norm's scale of 0, so equal logits and a finite loss.)
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
  await expect(note).toContainText(`It is saved up to step ${lastGood}.`);
  await expect(note.getByRole("button", { name: `Resume from step ${lastGood}` })).toBeEnabled();
});

test("a run goes on when the browser has no room, and says that it was not saved", async ({
  visit,
  undisturbed,
}) => {
  const { context, page, events } = await visit({ browserArguments: onProcessor });
  const devTools = await context.newCDPSession(page);
  await devTools.send("Storage.overrideQuotaForOrigin", {
    origin: new URL(siteUrl()).origin,
    quotaSize: 3 * 2 ** 20,
  });
  await choose(page, {});
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await page.getByLabel("Import a checkpoint").setInputFiles(undisturbed.checkpoint);
  await expect(page.getByRole("button", { name: "Resume step 4" })).toBeEnabled();

  // Adapter and moments take 7.5 MB.
  const targetModules = [...allTargetModules];
  await start(page, { ...smallRecipe, targetModules, rank: 64, maxSteps: 3 });
  await events.waitForEnd();
  expect(events.of("step")).toHaveLength(3);
  expect(events.of("saveFailed").map(({ error }) => error.code)).toContain("quota");
  const alert = runRegion(page).getByRole("alert").filter({ hasText: "last save failed" });
  await expect(alert).toContainText("The run goes on in memory; earlier checkpoints are untouched");
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await expect(page.getByRole("button", { name: "Resume step 4" })).toBeEnabled();
});

function runRegion(page: Page) {
  return page.getByRole("region", { name: "Run", exact: true });
}
