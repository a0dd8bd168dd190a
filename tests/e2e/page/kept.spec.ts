// Nothing outlives what it was made from, and the set-up outlives the page.
import { choose, madeFile, waitUntilReady } from "../../../tools/support/page.ts";
import { expectAccessible } from "../support/accessible.ts";
import { onProcessor } from "../support/faults.ts";
import { expect, test } from "../support/story.ts";

const shop = "Frage;Antwort\n".concat(
  ...Array.from({ length: 41 }, (_, i) => `Ist Laden ${i} offen?;Ja, von ${i % 12} bis 16.\n`),
);

test("own data, how they are read, the recipe and the prompt are there again after a reload, until the visitor starts over", async ({
  visit,
}) => {
  const { page } = await visit({ browserArguments: onProcessor });
  const data = page.getByRole("region", { name: "Data", exact: true });
  const setUp = page.getByRole("region", { name: "Set-up" });
  await waitUntilReady(page);
  await expect(setUp).not.toContainText("keeps this set-up");

  await page.getByLabel("Choose a data file").setInputFiles(madeFile("laden.csv", shop));
  await data.getByLabel("Prompt", { exact: true }).selectOption("Frage");
  await data.getByLabel("Completion", { exact: true }).selectOption("Antwort");
  await data.getByRole("button", { name: "Apply" }).click();
  await expect(data).toContainText("laden.csv");
  await choose(page, { recipe: { rank: 3, alpha: 6, maxSteps: 5, heldOutRows: 8 } });
  await page.getByLabel("Sample prompt").fill("Ist Laden 7 offen?");
  await expect(setUp).toContainText("keeps this set-up");
  const before = await data.locator("dl.facts").innerText();
  await page.waitForTimeout(1_500); // it is kept half a second after the last change

  await page.reload();
  await waitUntilReady(page);
  await expect(data.locator("dl.facts")).toHaveText(before, { useInnerText: true });
  await expect(page.getByRole("region", { name: "Recipe", exact: true })).toContainText("rank 3");
  await expect(page.getByLabel("Sample prompt")).toHaveValue("Ist Laden 7 offen?");
  await expectAccessible(page);

  await page.getByRole("button", { name: "Start over with the demo" }).click();
  await expect(data).toContainText("320 rows");
  await expect(setUp).not.toContainText("keeps this set-up");
  await page.reload();
  await waitUntilReady(page);
  await expect(data).toContainText("320 rows");
});

test("while 100,000 rows take the demo's place no figure of the demo is shown, and a refused file leaves nothing startable without a word", async ({
  visit,
}) => {
  const { page } = await visit({ browserArguments: onProcessor });
  const data = page.getByRole("region", { name: "Data", exact: true });
  await waitUntilReady(page);
  const demoFigures = /280 for training|4,575 trained|longest row 38/;
  await expect(data).toContainText(demoFigures);

  const rows = Array.from({ length: 100_000 }, (_, i) =>
    JSON.stringify({ prompt: `Which number follows ${i}?`, completion: ` ${i + 1}` }),
  );
  await page.getByLabel("Choose a data file").setInputFiles(madeFile("big.jsonl", rows.join("\n")));
  await expect(data).toContainText("big.jsonl");
  const seen = new Set<string>();
  const start = page.getByRole("button", { name: "Start training" });
  while (!(await start.isEnabled())) {
    seen.add(await page.locator("main").innerText());
  }
  expect(seen.size).toBeGreaterThan(3);
  expect([...seen].filter((text) => demoFigures.test(text))).toEqual([]);
  expect([...seen].some((text) => text.includes("Counting tokens"))).toBe(true);
  await expect(data).toContainText("99,960 for training, 40 held out");

  await page.getByLabel("Choose a data file").setInputFiles(madeFile("empty.jsonl", ""));
  await expect(data.getByRole("alert")).toContainText("The file is empty");
  await expect(start).toBeDisabled();
  await expect(page.locator("#start-blocker")).toContainText("The chosen data was not loaded");
  await data.getByRole("button", { name: "Keep the loaded data" }).click();
  await waitUntilReady(page);
  await expect(data).toContainText("99,960 for training");
});
