// The recipe that mends a run which got worse: its steps were too large.
import type { Recipe } from "../../recipe/recipe.ts";

/** Beyond this, alpha / rank is no choice but a slip: 1 or 2 is usual, 4 is bold. */
const boldestScaling = 8;

/**
 * A tenth of the learning rate, at most the usual one of the model, and alpha back at twice the
 * rank where it multiplies steps out of all measure.
 * @param usualRate of the preset for the model; null where it is unknown
 */
export function mendedRecipe(recipe: Readonly<Recipe>, usualRate: number | null): Recipe {
  const { rank, alpha } = recipe;
  const tenth = Number((recipe.learningRate / 10).toPrecision(6));
  return {
    ...structuredClone(recipe),
    learningRate: Math.min(tenth, usualRate ?? Infinity),
    alpha: alpha / rank > boldestScaling ? 2 * rank : alpha,
  };
}
