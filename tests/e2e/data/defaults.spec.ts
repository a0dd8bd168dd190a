// The recipe that own data get: by their number and length, and never over what was chosen by hand.
import { madeFile, waitUntilReady } from "../../../tools/support/page.ts";
import { onProcessor } from "../support/faults.ts";
import { jsonl } from "../support/made-files.ts";
import { expect, test } from "../support/story.ts";
import { put } from "./support.ts";

const rowsOf = (count: number, words = 1) =>
  Array.from({ length: count }, (_, index) => ({
    prompt: `Is shop ${index} open?`,
    completion: ` ${"Yes, it is. ".repeat(words)}${index}`,
  }));

test("own data get a recipe by their rows, the demo's data the demo's, and a changed option stays", async ({
  visit,
}) => {
  const { page } = await visit({ browserArguments: onProcessor });
  await waitUntilReady(page);
  const [data, recipe] = ["Data", "Recipe"].map((name) =>
    page.getByRole("region", { name, exact: true }),
  );
  await expect(recipe!).toContainText("Balanced, rank 8, 60 steps");

  await put(page, jsonl(rowsOf(41)));
  await expect(data!).toContainText("33 for training, 8 held out");
  await expect(recipe!).toContainText("Balanced, rank 8, 10 epochs");
  await expect(recipe!).toContainText("learning rate 0.005, 4 rows per step");
  await expect(recipe!).toContainText("10 epochs, all 33 rows");
  await recipe!.getByText("More", { exact: true }).click();
  await expect(recipe!.getByRole("combobox", { name: "chat template" })).toHaveValue("auto");
  const maxLength = recipe!.getByRole("textbox", { name: "max length" });
  await expect(maxLength).toHaveValue("64");

  await recipe!.getByRole("radio", { name: "Thorough" }).check();
  await put(page, jsonl(rowsOf(300, 10)));
  await expect(data!).toContainText("260 for training, 40 held out");
  await expect(recipe!).toContainText("Thorough, rank 16, 5 epochs");
  await expect(recipe!).toContainText("5 epochs, all 260 rows");
  await expect(maxLength).toHaveValue("128");

  await recipe!.getByRole("textbox", { name: "max steps" }).fill("10");
  await expect(recipe!).toContainText("0.3 epochs, 80 of 260 rows");
  await put(page, jsonl(rowsOf(41)));
  await expect(recipe!).toContainText("1.1 epochs, all 33 rows");
  await expect(recipe!).toContainText("Own, rank 16, 10 steps");
  await expect(maxLength).toHaveValue("64");

  await recipe!.getByRole("radio", { name: "Balanced" }).check();
  await data!.getByRole("button", { name: "Use the demo data" }).click();
  await expect(recipe!).toContainText("Balanced, rank 8, 60 steps");
  await expect(maxLength).toHaveValue("64");
});

test("what is chosen before the data stays, and nothing else of the demo's recipe does", async ({
  visit,
}) => {
  const { page } = await visit({ browserArguments: onProcessor });
  await waitUntilReady(page);
  const recipe = page.getByRole("region", { name: "Recipe", exact: true });
  const field = (name: string) => recipe.getByRole("textbox", { name, exact: true });
  const template = recipe.getByRole("combobox", { name: "chat template" });
  await recipe.getByText("More", { exact: true }).click();

  await field("rank").fill("12");
  await expect(template).toHaveValue("raw");
  await put(page, jsonl(rowsOf(300, 10)));
  await expect(recipe).toContainText("Own, rank 12, 3 epochs");
  await expect(template).toHaveValue("auto");
  await expect(field("max length")).toHaveValue("128");

  await page.getByRole("button", { name: "Start over with the demo" }).click();
  await expect(recipe).toContainText("Balanced, rank 8, 60 steps");
  const file = madeFile(
    "recipe.json",
    JSON.stringify({ rank: 12, schedule: "cosine", maxLength: 64 }),
  );
  await page.getByLabel("Load recipe", { exact: true }).setInputFiles(file);
  await expect(recipe).toContainText("Own, rank 12, 60 steps");
  await put(page, jsonl(rowsOf(300, 10)));
  await expect(recipe).toContainText("Own, rank 12, 3 epochs");
  await expect(template).toHaveValue("auto");
  await expect(field("max length")).toHaveValue("64");
});
