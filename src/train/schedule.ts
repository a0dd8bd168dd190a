// Learning rate of a step: warmup, then constant, linear or cosine (transformers/optimization.py).
import type { Recipe } from "../recipe/recipe.ts";

/**
 * Warmup as whole steps; a value below 1 is a share of all steps, rounded up as transformers does.
 */
export function warmupStepsOf({ warmupSteps }: Pick<Recipe, "warmupSteps">, total: number): number {
  return warmupSteps < 1 ? Math.ceil(warmupSteps * total) : Math.floor(warmupSteps);
}

/**
 * @param stepsDone optimizer steps made before this one, from 0 (so the first step of a warmup has
 * rate 0)
 * @param totalSteps of the whole run
 */
export function learningRateAt(
  recipe: Pick<Recipe, "learningRate" | "schedule" | "warmupSteps">,
  stepsDone: number,
  totalSteps: number,
): number {
  const warmup = warmupStepsOf(recipe, totalSteps);
  if (stepsDone < warmup) {
    return recipe.learningRate * (stepsDone / Math.max(1, warmup));
  }
  const progress = (stepsDone - warmup) / Math.max(1, totalSteps - warmup);
  switch (recipe.schedule) {
    case "constant":
      return recipe.learningRate;
    case "linear":
      return recipe.learningRate * Math.max(0, 1 - progress);
    case "cosine":
      return recipe.learningRate * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
  }
}
