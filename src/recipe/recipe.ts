// The recipe of a run: every option with its value, the defaults, and the demo's recipe.
import type { OptionTable, RecipeOf } from "./option.ts";
import { options } from "./options.ts";

/** Every option of a run. What an option means is in options.ts, or in docs/recipe.md. */
export type Recipe = RecipeOf<typeof options>;

/** Bytes of a recipe file: the longest system message, all escaped, with room for the rest. */
export const maxRecipeBytes = 2 ** 20;

/** A new recipe with the default of every option, in the order of the table. */
export function defaultsOf<Table extends OptionTable>(table: Table): RecipeOf<Table> {
  const entries = Object.entries(table).map(([name, option]) => [
    name,
    option.kind === "list" ? [...option.default] : option.default,
  ]);
  return Object.fromEntries(entries) as RecipeOf<Table>;
}

/** Defaults for models of 100 M parameters and more. */
export const defaultRecipe: Readonly<Recipe> = defaultsOf(options);

/** Defaults for the bundled demo, a model of one million parameters. */
export const demoRecipe: Readonly<Recipe> = {
  ...defaultRecipe,
  rank: 8,
  alpha: 16,
  learningRate: 5e-3,
  schedule: "cosine",
  warmupSteps: 3,
  batchSize: 4,
  gradientAccumulationSteps: 1,
  maxSteps: 60,
  maxLength: 64,
  template: "raw",
  saveSteps: 10,
};
