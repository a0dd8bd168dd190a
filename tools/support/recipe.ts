// A recipe file as the commands read it: the options that it sets, and what became of its keys.
import { readFile } from "node:fs/promises";
import { recipeReportWords } from "../../src/recipe/import-words.ts";
import type { Recipe } from "../../src/recipe/recipe.ts";
import { importRecipeFile } from "../../src/session/recipe-file.ts";
import { UserError } from "../../src/util/errors.ts";

export interface RecipeAt {
  options: Partial<Recipe>;
  /** Sentences about keys without counterpart; none where there are none. */
  lines: string[];
}

/** @throws UserError "bad-recipe", or "missing-file" when there is nothing at the path */
export async function readRecipeAt(path: string): Promise<RecipeAt> {
  let file: Blob;
  try {
    file = new Blob([await readFile(path)]);
  } catch (error) {
    const { code } = error as { code: string };
    throw new UserError("missing-file", `The file cannot be read (${code}).`, {
      where: path,
      remedy: "Check the path.",
    });
  }
  const { options, report } = await importRecipeFile(file, path);
  const { summary, differs, unused } = recipeReportWords(report);
  const isAllRead = differs.length + unused.length === 0;
  return { options, lines: isAllRead ? [] : [`${path}, ${summary}`, ...differs, ...unused] };
}
