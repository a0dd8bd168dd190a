// The set-up: what it says while it loads, and while it cannot.
import { onProcessor } from "../support/faults.ts";
import { expect, smallRecipe, start, test } from "../support/story.ts";

test("the demo data can be loaded after its first load was cancelled", async ({ visit }) => {
  const { page } = await visit({ browserArguments: onProcessor });
  await page.route("**/demo/data.jsonl", () => undefined); // never answered
  await page.reload();
  const data = page.getByRole("region", { name: "Data", exact: true });
  await data.getByRole("button", { name: "Cancel loading" }).click();
  await expect(data).toContainText("none yet");
  await page.unrouteAll();
  await data.getByRole("button", { name: "Use the demo data" }).click();
  await expect(data).toContainText("320 rows");
});

test("the recommended models are not checked during a run, and the page says so", async ({
  visit,
}) => {
  const { page, events } = await visit({ browserArguments: onProcessor });
  await start(page, { ...smallRecipe, maxSteps: 2000 });
  await events.waitForStep(1);
  const model = page.getByRole("region", { name: "Model", exact: true });
  await model.getByRole("heading", { name: "Model", exact: true }).click();
  const list = model.getByText("Recommended models");
  await list.click();
  await expect(model).toContainText("Not available while a run computes.");
  await page.getByRole("button", { name: "Stop and save" }).click();
  await events.waitForEnd();
  await expect(model).toContainText("Not checked yet. Open this list again");
  await list.click();
  await list.click();
  await expect(model.getByRole("button", { name: /^HuggingFaceTB/ }).first()).toBeVisible();
});
