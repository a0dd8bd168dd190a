// A database that the page cannot open: it never locks the page, and three buttons say what to do.
import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { makeUnopenable, type Unopenable } from "../../support/unopenable-database.ts";
import { expectAccessible } from "../support/accessible.ts";
import { onProcessor } from "../support/faults.ts";
import { expect, smallRecipe, start, test } from "../support/story.ts";
import { waitUntilReady } from "../../../tools/support/page.ts";

const short = { ...smallRecipe, maxSteps: 2 };

async function reloadWith(page: Page, kind: Unopenable): Promise<void> {
  await page.evaluate(makeUnopenable, ["anneal", kind] as const);
  await page.reload();
}

const note = (page: Page) =>
  page.getByRole("alert").filter({ hasText: "The saved runs cannot be opened." });

test("with a database of a newer version the page trains without saves, or sets it aside with what can be read", async ({
  visit,
}, testInfo) => {
  const { page, events } = await visit({ browserArguments: onProcessor });
  await start(page, short);
  await events.waitForEnd();
  await reloadWith(page, "newer version");
  await expect(note(page)).toContainText("A newer version of Anneal uses the database");
  await note(page).screenshot({ path: testInfo.outputPath("unopenable.png") });
  await expectAccessible(page);
  await note(page).getByRole("button", { name: "Train without saves" }).click();
  await expect(page.getByText("This page trains without saves")).toBeVisible();
  const count = events.all.length;
  await start(page, short);
  await events.wait(
    "the end",
    (event) =>
      events.all.indexOf(event) >= count && event.kind === "run" && event.phase.name === "done",
  );
  await expect(page.getByText("Done: 2 steps, held in this tab")).toBeVisible();
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  const panel = page.getByRole("tabpanel", { name: "Checkpoints" });
  await expect(panel.getByRole("listitem").first()).toContainText("step 2 of 2");

  page.on("dialog", (dialog) => void dialog.accept());
  await page.reload();
  await expect(note(page)).toBeVisible();
  const downloading = page.waitForEvent("download");
  await note(page).getByRole("button", { name: "Export what can be read" }).click();
  const file = await (await downloading).path();
  expect(readFileSync(file).length).toBeGreaterThan(10_000);
  await expect(note(page)).toHaveCount(0);
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  await expect(panel).toContainText("The saved runs are set aside.");
  await panel
    .getByLabel("Import all runs")
    .setInputFiles({ name: "runs.zip", mimeType: "application/zip", buffer: readFileSync(file) });
  await expect(panel.getByRole("listitem").first()).toContainText("step 2 of 2");
  await page.reload();
  await waitUntilReady(page);
  await expect(note(page)).toHaveCount(0);

  await page.getByRole("tab", { name: "Checkpoints" }).click();
  const aside = panel.getByRole("region", { name: "Saved runs set aside" });
  await aside.getByRole("button", { name: "Delete anneal" }).click();
  await expect(aside.getByRole("button", { name: "Cancel" })).toBeFocused();
  await aside.getByRole("button", { name: "Delete now anneal" }).click();
  await expect(aside).toHaveCount(0);
  const names = () =>
    page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
  expect(await names()).not.toContain("anneal");
  await expect(panel.getByRole("listitem").first()).toContainText("step 2 of 2");
});

test("a database without its stores is deleted and the page saves again", async ({ visit }) => {
  const { page, events } = await visit({ browserArguments: onProcessor });
  await waitUntilReady(page);
  await reloadWith(page, "stores missing");
  await expect(note(page)).toContainText("lacks its contents");
  await note(page).getByRole("button", { name: "Delete the saved runs" }).click();
  await note(page).getByRole("button", { name: "Delete now" }).click();
  await expect(note(page)).toHaveCount(0);
  await start(page, short);
  await events.waitForEnd();
  await page.reload();
  await page.getByRole("tab", { name: "Checkpoints" }).click();
  const panel = page.getByRole("tabpanel", { name: "Checkpoints" });
  await expect(panel.getByRole("listitem").first()).toContainText("step 2 of 2");
});
