// A checkpoint file moves a whole run to another browser.
import { choose } from "../../../tools/support/page.ts";
import { adapterSha256, expect, stepsOf, test } from "../support/story.ts";

test("a downloaded checkpoint resumes in another browser to the same losses and adapter", async ({
  visit,
  undisturbed,
}) => {
  const { page, events } = await visit();
  await choose(page, {});
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await page.getByLabel("Import a checkpoint").setInputFiles(undisturbed.checkpoint);
  await expect(page.getByRole("tabpanel", { name: "Checkpoints" })).toContainText("step 4 of 6");
  await page.getByRole("button", { name: "Resume step 4" }).click();
  await events.waitForEnd();
  expect(stepsOf(events.all)).toEqual(undisturbed.steps.slice(4));
  expect(await adapterSha256(page)).toBe(undisturbed.adapterSha256);
});
