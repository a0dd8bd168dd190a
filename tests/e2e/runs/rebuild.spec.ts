// A scheduled rebuild of the device releases all its memory and changes no loss.
import { expect, smallRecipe, start, stepsOf, test } from "../support/story.ts";

test("a run that rebuilds its device every two steps has the same losses", async ({
  visit,
  undisturbed,
}) => {
  const { page, events } = await visit();
  await start(page, { ...smallRecipe, reloadEverySteps: 2 });
  await events.waitForEnd();
  expect(stepsOf(events.all)).toEqual(undisturbed.steps);

  const rebuilds = events.of("rebuilt");
  expect(rebuilds.map(({ step, reason }) => `${step} ${reason}`)).toEqual([
    "2 every-steps",
    "4 every-steps",
  ]);
  for (const { beforeBytes, releasedBytes, afterBytes } of rebuilds) {
    expect(releasedBytes).toBe(0);
    expect(afterBytes).toBeGreaterThan(0);
    expect(afterBytes).toBeLessThanOrEqual(beforeBytes);
  }
  const sizes = rebuilds.map(({ afterBytes }) => afterBytes);
  expect(new Set(sizes).size).toBe(1);

  await page.getByRole("tab", { name: "Log" }).click();
  const log = page.getByRole("tabpanel", { name: "Log" });
  for (const step of [2, 4]) {
    await expect(log).toContainText(
      new RegExp(`Rebuilt the device at step ${step}: [\\d.]+ MB before, [\\d.]+ MB after`),
    );
  }
});
