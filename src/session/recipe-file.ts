// Reads a recipe file, in the words of Anneal or of another tool, over the recipe that the page
// would choose.
import { parseYaml, YamlFault } from "../formats/yaml.ts";
import { importRecipe, type ImportedRecipe, type RecipeReport } from "../recipe/import.ts";
import { maxRecipeBytes, type Recipe } from "../recipe/recipe.ts";
import { UserError } from "../util/errors.ts";

export interface ReadRecipe {
  recipe: Recipe;
  report: RecipeReport;
  /** Options that the file does not set. */
  leftOut: Partial<Recipe>;
}

/**
 * @param base the values of options that the file leaves out
 * @throws UserError "bad-recipe" naming the file and the option
 */
export async function readRecipeFile(file: File, base: Recipe): Promise<ReadRecipe> {
  const { options, report } = await importRecipeFile(file, file.name);
  const leftOut = Object.entries(base).filter(([name]) => !Object.hasOwn(options, name));
  return { recipe: { ...base, ...options }, report, leftOut: Object.fromEntries(leftOut) };
}

/**
 * The options that a file of JSON or YAML sets.
 * @param name in errors
 * @throws UserError "bad-recipe"
 */
export async function importRecipeFile(file: Blob, name: string): Promise<ImportedRecipe> {
  if (file.size > maxRecipeBytes) {
    throw notRead(`it has more than ${maxRecipeBytes / 2 ** 20} MB`, name);
  }
  return importRecipe(await parse(await file.text(), name), name);
}

/** Recipes are also written by hand or copied out of Python: what is no JSON is read as YAML. */
async function parse(text: string, name: string): Promise<unknown> {
  try {
    return JSON.parse(text);
  } catch (cause) {
    try {
      return await parseYaml(text);
    } catch (error) {
      if (!(error instanceof YamlFault)) {
        throw error;
      }
      const isJson = /\.json$/i.test(name);
      throw isJson
        ? notRead(`it is not JSON (${(cause as Error).message})`, name, cause)
        : notRead(`it is neither JSON nor YAML: ${error.message}`, name, error);
    }
  }
}

function notRead(why: string, where: string, cause?: unknown): UserError {
  return new UserError("bad-recipe", `The recipe was not loaded: ${why}.`, {
    where,
    remedy: "Choose a JSON or YAML file with recipe options.",
    cause,
  });
}
