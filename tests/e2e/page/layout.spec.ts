// The page while a run starts, goes on and ends: nothing moves, and the keyboard keeps its place.
import type { Page } from "@playwright/test";
import { choose, waitUntilReady } from "../../../tools/support/page.ts";
import { expect, test } from "../support/story.ts";

/** Shifts of the layout, those after a press included, which browsers' own measure leaves out. */
async function watchShifts(page: Page): Promise<() => Promise<number>> {
  await page.evaluate(() => {
    const shifts = { sum: 0 };
    Object.assign(window, { shifts });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        shifts.sum += (entry as PerformanceEntry & { value: number }).value;
      }
    }).observe({ type: "layout-shift" });
  });
  return () => page.evaluate(() => (window as unknown as { shifts: { sum: number } }).shifts.sum);
}

test("nothing moves from the press on Start to the end of a run of 60 steps", async ({ visit }) => {
  const { page, events } = await visit();
  await page.setViewportSize({ width: 1440, height: 900 });
  await waitUntilReady(page);
  await expect(page.getByRole("button", { name: "Start training" })).toBeInViewport();
  await choose(page, { recipe: { rank: 4, maxSteps: 60, batchSize: 1, maxLength: 32 } });
  const shifts = await watchShifts(page);
  await page.getByRole("button", { name: "Start training" }).click();
  await events.waitForEnd();
  await expect(page.getByRole("heading", { name: /^Done/ })).toBeVisible();
  await page.waitForTimeout(1_000); // the adapter's files are listed
  expect(await shifts()).toBeLessThanOrEqual(0.02);
  await page.evaluate(() => {
    const high = document.createElement("div");
    high.style.height = "300px";
    document.body.prepend(high);
  });
  await expect.poll(shifts).toBeGreaterThan(0.02);
});

test("the keyboard's focus goes on from Start to Pause, Resume and Stop, and Start stays in sight with everything open", async ({
  visit,
}) => {
  const { page, events } = await visit();
  await page.setViewportSize({ width: 1440, height: 900 });
  await choose(page, { recipe: { rank: 4, maxSteps: 500, batchSize: 1, maxLength: 32 } });
  await page.getByText("More", { exact: true }).click();
  await page.getByText("Rows as they are trained").click();
  const start = page.getByRole("button", { name: "Start training" });
  await expect(start).toBeInViewport();

  const focused = page.locator(":focus");
  await start.focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Enter"); // must not end the run that begins
  await events.waitForStep(1);
  await expect(page.getByRole("button", { name: "Pause" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Resume" })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("button", { name: "Pause" })).toBeFocused();
  await page.keyboard.press("Tab");
  await expect(focused).toHaveText("Stop and save");
  await page.keyboard.press("Enter");
  await events.waitForEnd();
  await expect(start).toBeFocused();
  await page.setViewportSize({ width: 390, height: 844 });
  await expect(start).toBeInViewport();
});
