// Several tabs: only one trains, and a second can take over its run.
import { waitUntilReady } from "../../../tools/support/page.ts";
import { onProcessor } from "../support/faults.ts";
import { expect, openPage, smallRecipe, start, test } from "../support/story.ts";

test("a second tab is refused a run while the first trains, and can train once the first is closed", async ({
  visit,
}) => {
  const { context, page, events } = await visit({ browserArguments: onProcessor });
  await start(page, { ...smallRecipe, batchSize: 4, maxSteps: 2000, saveSteps: 1 });
  await events.wait("a save", ({ kind }) => kind === "saved");

  const second = await context.newPage();
  const secondEvents = await openPage(second);
  await waitUntilReady(second);
  const run = second.getByRole("region", { name: "Run", exact: true });
  const offer = second.getByRole("region", { name: "Saved run" });
  await offer.getByRole("button", { name: "Resume" }).click();
  await expect(offer.getByRole("alert")).toContainText("in progress in another tab");

  await offer.getByRole("button", { name: "Not now" }).click();
  await second.setViewportSize({ width: 390, height: 844 });
  await second.getByRole("button", { name: "Start training" }).click();
  await expect(run.getByRole("alert")).toContainText("A run is in progress in another tab");
  await expect(run.getByRole("alert")).toBeInViewport();
  await expect(run.getByRole("alert")).toContainText("close that tab");

  const steps = events.of("step").length;
  await events.waitForStep(steps + 1); // the first tab is unaffected
  await page.close();
  // The browser gives the lock back when the first tab's worker has ended, a moment later.
  await expect(async () => {
    await second.getByRole("button", { name: "Start training" }).click();
    await expect(run.getByRole("alert")).toHaveCount(0, { timeout: 2000 });
  }).toPass();
  await secondEvents.waitForStep(1);
});

test("a second tab takes over the run, and the first one stops and saves nothing more", async ({
  visit,
}) => {
  const { context, page, events } = await visit({ browserArguments: onProcessor });
  await start(page, { ...smallRecipe, batchSize: 4, maxSteps: 2000, saveSteps: 1 });
  await events.wait("a save", ({ kind }) => kind === "saved");

  const second = await context.newPage();
  const secondEvents = await openPage(second);
  await waitUntilReady(second);
  const offer = second.getByRole("region", { name: "Saved run" });
  await offer.getByRole("button", { name: "Resume" }).click();
  await offer.getByRole("button", { name: "Take over the run" }).click();
  await secondEvents.wait("a step", ({ kind }) => kind === "step");

  const note = page.getByRole("region", { name: "Run", exact: true }).getByRole("alert");
  await expect(note).toContainText("Another tab of this browser has taken the run over.");
  await expect(note.getByRole("button", { name: "Take over again" })).toBeEnabled();
  await page.getByRole("button", { name: "Start training" }).click();
  const refusal = note.filter({ hasText: "A run is in progress in another tab" });
  await expect(refusal.getByRole("button", { name: "Stop it there and start here" })).toBeEnabled();
  await refusal.getByRole("button", { name: "Dismiss" }).click();
  const savedByFirst = events.of("saved");
  const first = secondEvents.of("step")[0]!.entry.step;
  expect(first).toBe(savedByFirst.at(-1)!.checkpoint.step + 1);
  await secondEvents.waitForStep(first + 2);
  expect(events.of("saved")).toHaveLength(savedByFirst.length);

  const panel = page.getByRole("tabpanel", { name: "Checkpoints" });
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  const resume = panel.getByRole("button", { name: /^Resume step/ }).first();
  await resume.click();
  await expect(panel.getByRole("alert")).toContainText("in progress in another tab");
  await panel.getByRole("button", { name: "Take over the run" }).click();
  await expect(panel.getByRole("alert")).toBeHidden();
  await secondEvents.wait(
    "the end of the second tab's run",
    (event) => event.kind === "run" && event.phase.name === "failed",
  );
  const savedBySecond = secondEvents.of("saved").at(-1)!.checkpoint.step;
  await panel.getByRole("button", { name: `Resume step ${savedBySecond}` }).click();
  await events.waitForStep(savedBySecond + 1);
});
