// The set-up: what it says while it loads, and while it cannot.
import { readFileSync } from "node:fs";
import { madeFile } from "../../../tools/support/page.ts";
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

test("a recipe in the words of Axolotl is read, its other keys are named, and it is trained", async ({
  visit,
}) => {
  const { page, events } = await visit({ browserArguments: onProcessor });
  const folder = new URL("../../golden/recipes/", import.meta.url);
  const axolotl = readFileSync(new URL("axolotl.yaml", folder), "utf8");
  const short = axolotl
    .replace("num_epochs: 3", "max_steps: 2")
    .replace("val_set_size: 0.05", "val_set_size: 4")
    .replace("sequence_len: 2048", "sequence_len: 64");
  const recipe = page.getByRole("region", { name: "Recipe", exact: true });
  const load = (name: string, text: string) =>
    page.getByLabel("Load recipe", { exact: true }).setInputFiles(madeFile(name, text));
  await load("axolotl.yaml", short);
  await expect(recipe.getByRole("status")).toContainText(
    "axolotl.yaml, Axolotl: 21 options read; 15 keys without counterpart.",
  );
  await expect(recipe).toContainText("load_in_4bit true: the format of the frozen weights");
  await recipe.getByText("11 keys without effect on what is trained").click();
  await expect(recipe).toContainText("base_model, model_type: the model is chosen under Model.");
  await expect(recipe).toContainText("rank 32, alpha 16, learning rate 2e-4, 8 rows per step");

  await load("slip.yaml", "lora_r: 8\nlora_aplha: 16\n");
  await expect(recipe.getByRole("alert")).toContainText("lora_alpha is the nearest");
  await expect(recipe).toContainText("rank 32"); // the recipe that was loaded stays
  await recipe.getByRole("alert").getByRole("button").click();
  await page.getByRole("button", { name: "Start training" }).click();
  await events.waitForEnd();
  expect(events.of("step").map(({ entry }) => entry.step)).toEqual([1, 2]);
});
