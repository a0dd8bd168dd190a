// Interrupted runs resume to the same losses, bit for bit.
import type { Page } from "@playwright/test";
import { waitUntilReady } from "../../../tools/support/page.ts";
import { crashBrowser } from "../support/faults.ts";
import { adapterSha256, expect, start, stepsOf, test } from "../support/story.ts";

test("a run resumes after a reload to the same losses and adapter", async ({
  visit,
  undisturbed,
}) => {
  const { page, events } = await visit();
  await start(page);
  await events.waitForStep(3);
  await page.reload();
  await resumeOffered(page, /A run stopped at step [24] of 6/);
  await events.waitForEnd();
  expect(stepsOf(events.all)).toEqual(undisturbed.steps);
  expect(await adapterSha256(page)).toBe(undisturbed.adapterSha256);
});

test("a run stopped in one browser and killed in a second ends in a third with the same adapter", async ({
  visit,
  undisturbed,
}) => {
  const first = await visit();
  await start(first.page);
  await first.events.waitForStep(1);
  await first.page.getByRole("button", { name: "Stop and save" }).click();
  const { phase } = await first.events.waitForEnd();
  // more steps run until the stop arrives
  const stoppedAt = phase.name === "done" ? phase.step : NaN;
  await first.context.close();

  const second = await visit();
  await resumeOffered(second.page, new RegExp(`A run stopped at step ${stoppedAt} of 6`));
  await second.events.waitForStep(stoppedAt + 1);
  await crashBrowser(second.context);

  const third = await visit();
  await resumeOffered(third.page, /A run stopped at step [1-5] of 6/);
  await third.events.waitForEnd();
  const parts = [first, second, third].flatMap(({ events }) => events.all);
  expect(stepsOf(parts)).toEqual(undisturbed.steps);
  expect(await adapterSha256(third.page)).toBe(undisturbed.adapterSha256);
});

async function resumeOffered(page: Page, words: RegExp): Promise<void> {
  await waitUntilReady(page);
  const offer = page.getByRole("region", { name: "Saved run" });
  await expect(offer).toContainText(words);
  await offer.getByRole("button", { name: "Resume" }).click();
}
