// What the page says of a run: one that got worse, its mended recipe, and a stop.
import { expect, smallRecipe, start, test } from "../support/story.ts";

test("a run that got worse is called so, has no best, and trains with the mended recipe until it is stopped", async ({
  visit,
}) => {
  const { page, events } = await visit();
  const run = page.getByRole("region", { name: "Run" });
  const recipe = {
    ...smallRecipe,
    batchSize: 2,
    warmupSteps: 0,
    maxSteps: 10,
    saveSteps: 5,
    heldOutRows: 16,
  };
  await start(page, { ...recipe, learningRate: 1, alpha: 4096, dropout: 0, evalSteps: 5 });
  await expect(run.getByText(/^Held-out loss before training: 6\.\d\d/)).toBeVisible({
    timeout: 120_000,
  });
  await events.waitForEnd();

  await expect(run.getByText(/^Got worse than before training: 6\.\d\d to/)).toBeVisible();
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  const panel = page.getByRole("tabpanel", { name: "Checkpoints" });
  await expect(panel.getByRole("listitem")).toHaveCount(2);
  await expect(panel.getByText("best", { exact: true })).toHaveCount(0);
  await expect(run.getByText("Changes: learning rate 1 to 0.005, alpha 4096 to 8.")).toBeVisible();

  const before = events.of("step").length;
  await run.getByRole("button", { name: "Train again with learning rate 0.005" }).click();
  await events.wait("step 4", () => events.of("step").length >= before + 4);
  await page.getByRole("button", { name: "Stop and save" }).first().click();
  await expect(run.getByRole("heading", { name: /^Stopped at step \d of 10/ })).toBeVisible();

  const { step, end } = events
    .of("run")
    .flatMap(({ phase }) => (phase.name === "done" ? phase : []))
    .at(-1)!;
  expect(end).toBe("stopped");
  expect(step).toBeLessThan(10);
  const measured = events.of("evaluated").at(-1)!;
  expect(measured).toMatchObject({ step, verdict: { kind: "learned" } });
  await expect(run.getByText(/^Learned: 6\.\d\d to [345]\./)).toBeVisible();
  await expect(run.getByText(/not measured/)).toHaveCount(0);
  await expect(panel.getByRole("listitem").filter({ hasText: "best" })).toContainText(
    `step ${step} of 10`,
  );
});

test("a stop whose measurement is skipped shows no held-out loss of an earlier step", async ({
  visit,
}) => {
  const { page, events } = await visit();
  const run = page.getByRole("region", { name: "Run" });
  await start(page, { ...smallRecipe, maxSteps: 40, saveSteps: 0, heldOutRows: 60 });
  await expect(run.getByText(/^Held-out loss before training/)).toBeVisible({ timeout: 60_000 });
  const heldOut = run.getByText(/^held-out [\d–.]+$/).first();
  await expect(heldOut).toHaveText(/^held-out \d/);

  await page.getByRole("button", { name: "Stop and save" }).first().click();
  await run.getByRole("button", { name: "Skip" }).click();
  await events.waitForEnd();
  await expect(run.getByText(/^Not measured after training/)).toBeVisible();
  await expect(heldOut).toHaveText("held-out –");
});
