// Accessibility: no axe violation in any state and colour scheme, every task by keyboard, no
// horizontal scroll on a phone.
import type { Locator, Page } from "@playwright/test";
import { madeFile, waitUntilReady } from "../../../tools/support/page.ts";
import { expectAccessible } from "../support/accessible.ts";
import { onProcessor } from "../support/faults.ts";
import { jsonl } from "../support/made-files.ts";
import { expect, smallRecipe, test } from "../support/story.ts";

test("axe finds no violation in a new page and in one with errors", async ({ visit }) => {
  const { page } = await visit();
  await waitUntilReady(page);
  await expectAccessible(page);
  await page
    .getByLabel("Choose a data file")
    .setInputFiles(jsonl([{ prompt: "Why?", completion: "So." }, { prompt: "How?" }]));
  await page.getByLabel("Load recipe").setInputFiles(madeFile("recipe.json", "{"));
  await expect(page.getByRole("alert")).toHaveCount(2);
  await page.getByLabel("Start from an adapter").setInputFiles(madeFile(longName, "{}"));
  await page.getByText("More", { exact: true }).click();
  await expectAccessible(page);
});

test("the keyboard alone starts, pauses, resumes, stops and exports a run, without an axe violation", async ({
  visit,
}) => {
  const { page, events } = await visit({ browserArguments: onProcessor });
  // Intercepts file choosers from now on: a key press could open one before waitForEvent is set up.
  page.on("filechooser", () => undefined);
  await waitUntilReady(page);
  await page.getByLabel("Choose a data file").setInputFiles(jsonl(manyRows, longName));
  await expect(page.getByRole("region", { name: "Data", exact: true })).toContainText(longName);
  await expectAccessible(page);
  const button = (name: string) => page.getByRole("button", { name, exact: true });

  await tabTo(page, page.getByLabel("Load recipe"));
  const choosing = page.waitForEvent("filechooser");
  await page.keyboard.press("Enter");
  const recipe = { ...smallRecipe, batchSize: 4, maxSteps: 2000 };
  await (await choosing).setFiles(madeFile("recipe.json", JSON.stringify(recipe)));
  await expect(page.getByRole("region", { name: "Recipe", exact: true })).toContainText(
    "2000 steps",
  );
  await waitUntilReady(page);

  await press(page, button("Start training"));
  await events.waitForStep(1);
  await expectAccessible(page);
  await press(page, button("Pause"));
  await expect(page.getByText(/^Paused at step \d+ of 2000 and saved/)).toBeVisible();
  await expectAccessible(page);
  await press(page, button("Resume"));
  await press(page, button("Stop and save"));
  await events.waitForEnd();

  const zip = page.getByRole("link", { name: "Download adapter (PEFT, zip)" });
  await zip.waitFor();
  const downloading = page.waitForEvent("download");
  await press(page, zip);
  expect((await downloading).suggestedFilename()).toMatch(/\.zip$/);
  await expectAccessible(page);

  await tabTo(page, page.getByRole("tab", { name: "Samples" }));
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tab", { name: "Checkpoints" })).toBeFocused();
  await expect(page.getByRole("button", { name: /^Resume step/ }).first()).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tabpanel", { name: "Log" })).toContainText("Stopped at step");
  await expectAccessible(page);

  await page.reload();
  await expect(page.getByRole("region", { name: "Saved run" })).toContainText(longName);
  await expectAccessible(page);
});

/** Contains no line-break opportunity. */
const longName = `${Array<string>(60).fill("w").join("_")}.jsonl`;
const manyRows = Array<object>(12).fill({ prompt: "Why?", completion: "Because." });

async function press(page: Page, target: Locator): Promise<void> {
  await target.waitFor();
  await tabTo(page, target);
  await page.keyboard.press("Enter");
}

/** Presses Tab until the target has the focus. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  const isThere = () => target.evaluate((element) => element === document.activeElement);
  for (let presses = 0; !(await isThere()); presses++) {
    expect(presses, `${String(target)} within 200 presses of Tab`).toBeLessThan(200);
    await page.keyboard.press("Tab");
  }
}
