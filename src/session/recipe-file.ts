// Reads a recipe file over the recipe that the page would choose.
import { parseRecipe } from "../recipe/parse.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { UserError } from "../util/errors.ts";

/**
 * @param base the values of options that the file leaves out
 * @throws UserError "bad-recipe" naming the file and the option
 */
export async function readRecipeFile(file: File, base: Recipe): Promise<Recipe> {
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
  const recipe = parseRecipe(value, base, file.name);
  // Epochs count only without a number of steps, which the base may have.
  const isByEpochs =
    Object.hasOwn(value as object, "epochs") && !Object.hasOwn(value as object, "maxSteps");
  return isByEpochs ? { ...recipe, maxSteps: 0 } : recipe;
}
