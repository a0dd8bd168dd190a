// The check before a start: each fault of model, data and recipe is said in one line, and mended by
// its button.
import type { Locator, Page } from "@playwright/test";
import { madeFile, waitUntilBegun, waitUntilReady } from "../../../tools/support/page.ts";
import { expectAccessible } from "../support/accessible.ts";
import { onProcessor } from "../support/faults.ts";
import { jsonl } from "../support/made-files.ts";
import { expect, test, type Visit } from "../support/story.ts";
import { put } from "./support.ts";

const rowsOf = (count: number, first = 1) =>
  Array.from({ length: count }, (_, index) => ({
    prompt: `Is shop ${first + index} open?`,
    completion: ` Yes, until ${first + index}.`,
  }));

interface Regions extends Visit {
  data: Locator;
  recipe: Locator;
  check: Locator;
}

async function open(visit: (options: object) => Promise<Visit>): Promise<Regions> {
  const opened = await visit({ browserArguments: onProcessor });
  await waitUntilReady(opened.page);
  const region = (name: string) => opened.page.getByRole("region", { name, exact: true });
  return { ...opened, data: region("Data"), recipe: region("Recipe"), check: region("Check") };
}

/** Presses the button of a fault, which is then gone; the focus stays at the check. */
async function mend(page: Page, check: Locator, sentence: string, button: string): Promise<void> {
  await expect(check).toContainText(sentence);
  await check.getByRole("button", { name: button, exact: true }).click();
  await expect(check.getByRole("status")).toBeFocused();
  await expect(check).toContainText("Checked");
  await expect(check).not.toContainText(sentence);
  await waitUntilReady(page);
}

test("rows that spoil a run are left out at a press, brought back by undo, and never keep it from starting", async ({
  visit,
}) => {
  const { page, events, data, check } = await open(visit);
  await expect(check).toContainText("Checked: nothing to mend.");

  const rows = rowsOf(41);
  const other = { prompt: "Is shop 7 open?", completion: " No." };
  await put(page, jsonl([...rows, rows[3]!, rows[4]!, other, rows[4]!]));
  await expect(check).toContainText("3 rows repeat an earlier one.");
  await expectAccessible(page);
  // However much is open, what was found is in sight of the button that starts.
  const found = page.getByRole("button", { name: /^\d things to look at before the start$/ });
  await page.evaluate(() => {
    scrollTo(0, 0);
  });
  await expect(found).toBeInViewport({ ratio: 1 });
  await found.click();
  await expect(check.getByRole("status")).toBeFocused();
  await expect(check.getByRole("status")).toBeInViewport({ ratio: 1 });
  await mend(
    page,
    check,
    "1 row has another answer than an earlier row with the same prompt.",
    "Keep the first answer of each",
  );
  await mend(page, check, "3 rows repeat an earlier one.", "Leave out the repeats");
  await expect(data).toContainText("4 rows excluded");
  await expect(data).toContainText("33 for training, 8 held out");
  await data.getByRole("button", { name: "Undo" }).click();
  await expect(check).toContainText("3 rows repeat an earlier one.");

  await put(page, [jsonl(rowsOf(30), "train.jsonl"), jsonl(rowsOf(6, 28), "valid.jsonl")]);
  await mend(
    page,
    check,
    "3 held-out rows are trained, too, so the held-out loss is too good.",
    "Leave 3 out of training",
  );
  await expect(data).toContainText("27 for training, 6 held out");

  const alike = rowsOf(28).map(({ prompt }) => ({ prompt, completion: " Yes." }));
  await put(page, jsonl([...alike, ...rowsOf(2, 50)]));
  await mend(page, check, "28 rows have the same answer", "Leave 26 of them out");
  await expect(data).toContainText("4 rows,");

  await page
    .getByLabel("Load recipe")
    .setInputFiles(madeFile("recipe.json", JSON.stringify({ maxLength: 24, maxSteps: 2 })));
  await put(page, jsonl(rowsOf(41)));
  await expect(check).toContainText("rows are cut at 24 tokens");
  await page.getByRole("button", { name: "Start training" }).click();
  await waitUntilBegun(page, events);
  await events.waitForEnd();
  await mend(page, check, "rows are cut at 24 tokens", "Max length 64: none cut");
});

test("swapped columns, equal answers, few rows and a small model are mended by their buttons", async ({
  visit,
}) => {
  const { page, data, recipe, check } = await open(visit);
  const swapped = rowsOf(24).map(({ prompt, completion }) => ({
    prompt: completion,
    completion: prompt,
  }));
  await put(page, jsonl(swapped));
  await mend(
    page,
    check,
    "Answers read like questions, and prompts do not.",
    "Swap prompt and answer",
  );
  await expect(data).toContainText("completion -> prompt");

  const same = rowsOf(24).map(({ prompt }) => ({ prompt, completion: " Yes." }));
  await put(page, jsonl(same));
  await expect(check).toContainText("24 rows have the same answer");
  await check.getByRole("button", { name: "Choose the columns again" }).click();
  await expect(data.getByText("Change how rows are read", { exact: true })).toBeFocused();
  await expect(data.getByRole("combobox", { name: "Shape" })).toBeVisible();

  await recipe.getByRole("radio", { name: "Quick" }).check();
  await put(page, jsonl(rowsOf(12)));
  await expect(check).toContainText("10 rows are trained: enough to try, too few to rely on.");
  await check.getByRole("button", { name: "Train 15 epochs" }).click();
  await expect(recipe).toContainText("15 epochs, all 10 rows");
  await expect(check.getByRole("button", { name: /^Train/ })).toHaveCount(0);

  await expect(check).toContainText("This model has 919 k parameters");
  const model = page.getByRole("region", { name: "Model", exact: true });
  const recommended = model.getByRole("button", { name: /^HuggingFaceTB/ }).first();
  await expect(recommended).toBeVisible(); // since own rows are in
  await model.getByText("Recommended models").click();
  await expect(recommended).toBeHidden();
  await check.getByRole("button", { name: "Show models that train well here" }).click();
  await expect(model.getByText("Recommended models")).toBeFocused();
  await expect(recommended).toBeVisible();
  await expectAccessible(page);
});

test("on a phone, what a run covers and the undo of a mend are in sight though the sections are folded", async ({
  visit,
}) => {
  const { page } = await visit({ browserArguments: onProcessor });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.reload();
  await waitUntilReady(page);
  const rows = rowsOf(41);
  await page.getByLabel("Choose a data file").setInputFiles(jsonl([...rows, rows[3]!]));
  await expect(page.getByText(/epochs?, .* rows/).filter({ visible: true })).toBeInViewport();
  const check = page.getByRole("region", { name: "Check", exact: true });
  await check.getByRole("button", { name: "Leave out the repeats" }).click();
  await expect(check).toContainText("1 row excluded");
  await check.getByRole("button", { name: "Undo" }).click();
  await expect(check).toContainText("1 row repeats an earlier one.");
  await expectAccessible(page);
});
