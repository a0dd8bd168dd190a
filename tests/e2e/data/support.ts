// The data section of the page as a visitor uses it.
import { fileURLToPath } from "node:url";
import type { Locator, Page } from "@playwright/test";
import { madeFile, waitUntilReady, type MadeFile } from "../../../tools/support/page.ts";
import { onProcessor } from "../support/faults.ts";
import { smallRecipe, type Visit, type VisitOptions } from "../support/story.ts";

/** Columns "Nr", "Frage", "Antwort"; a second sheet "Notizen". */
export const workbook = fileURLToPath(new URL("files/frage-antwort.xlsx", import.meta.url));

/** Short rows of the demo's words. */
export const fastRecipe = {
  ...smallRecipe,
  maxLength: 64,
  maxSteps: 2,
  heldOutRows: 0,
  saveSteps: 0,
};

export interface DataVisit extends Visit {
  /** The section. */
  data: Locator;
}

/** Opens the page with a short recipe. */
export async function openData(
  visit: (options?: VisitOptions) => Promise<Visit>,
  recipe: object = fastRecipe,
): Promise<DataVisit> {
  const opened = await visit({ browserArguments: onProcessor });
  const { page } = opened;
  await waitUntilReady(page);
  await page
    .getByLabel("Load recipe", { exact: true })
    .setInputFiles(madeFile("recipe.json", JSON.stringify(recipe)));
  return { ...opened, data: page.getByRole("region", { name: "Data", exact: true }) };
}

export async function put(page: Page, files: MadeFile | MadeFile[] | string): Promise<void> {
  await page.getByLabel("Choose a data file", { exact: true }).setInputFiles(files);
}

/** Drops files on the section, as from a file manager. */
export async function dropOn(section: Locator, files: readonly MadeFile[]): Promise<void> {
  const contents = files.map(({ name, buffer }) => ({ name, text: buffer.toString("utf8") }));
  const transfer = await section.page().evaluateHandle((given) => {
    const data = new DataTransfer();
    for (const { name, text } of given) {
      data.items.add(new File([text], name));
    }
    return data;
  }, contents);
  await section.dispatchEvent("drop", { dataTransfer: transfer });
}
