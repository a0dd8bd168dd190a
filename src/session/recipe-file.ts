// Reads a recipe file over the defaults for the loaded model.
import { parseRecipe } from "../recipe/parse.ts";
import { defaultRecipe, demoRecipe, type Recipe } from "../recipe/recipe.ts";
import { UserError } from "../util/errors.ts";
import type { LoadedModel } from "../models/loaded-model.ts";
import { recipeModulesOf } from "../adapter/targets.ts";

/** @throws UserError "bad-recipe" naming the file and the option */
export async function readRecipeFile(file: File, model: LoadedModel | null): Promise<Recipe> {
  const base = model?.source === "demo" ? demoRecipe : defaultRecipe;
  const modules = model === null ? {} : { targetModules: recipeModulesOf(model.config) };
  let value: unknown;
  try {
    value = JSON.parse(await file.text());
  } catch (cause) {
    throw new UserError("bad-recipe", `The file is not JSON (${(cause as Error).message}).`, {
      where: file.name,
      remedy: "Choose a JSON file with recipe options.",
      cause,
    });
  }
  return parseRecipe(value, { ...base, ...modules }, file.name);
}
