// "Try it": answers shown side by side are of one prompt, one model and one run.
import type { Page } from "@playwright/test";
import { waitUntilReady } from "../../../tools/support/page.ts";
import { onProcessor } from "../support/faults.ts";
import { demoModel } from "../support/made-files.ts";
import { expect, smallRecipe, start, test } from "../support/story.ts";

test("answers to another prompt, of another run or another model are not shown next to new ones", async ({
  visit,
}) => {
  const { page, events } = await visit({ browserArguments: onProcessor });
  const { plain, adapted } = replies(page);
  await waitUntilReady(page);
  await ask(page, "Where is my order?");
  await expect(plain.getByRole("status")).not.toBeEmpty();

  await start(page, { ...smallRecipe, maxSteps: 2 });
  await events.waitForEnd();
  await expect(plain).toHaveCount(0);

  await ask(page, "Where is my order?", true);
  await expect(plain).toContainText("Not generated yet.");
  await ask(page, "Where is my order?", false);
  await expect(plain.getByRole("status")).not.toBeEmpty();
  await expect(adapted.getByRole("status")).not.toBeEmpty();
  await ask(page, "How do I pay?");
  await expect(adapted).toContainText("Not generated yet.");

  await page.getByLabel("Choose files").setInputFiles(demoModel());
  await expect(plain).toHaveCount(0);
});

function replies(page: Page) {
  return {
    plain: page.getByRole("region", { name: "Without the adapter" }),
    adapted: page.getByRole("region", { name: "With the adapter" }),
  };
}

async function ask(page: Page, prompt: string, useAdapter?: boolean): Promise<void> {
  const box = page.getByRole("region", { name: "Try it" });
  await box.getByLabel("Prompt").fill(prompt);
  await box.getByLabel("Max new tokens").fill("4");
  if (useAdapter !== undefined) {
    await box.getByLabel("Adapter on").setChecked(useAdapter);
  }
  await box.getByRole("button", { name: "Generate" }).click();
  await expect(box.getByRole("button", { name: "Generate" })).toBeEnabled();
}
