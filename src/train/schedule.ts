// The learning rate of a step: linear warmup, then constant, or down to zero by a line or half a
// cosine. Source: transformers/optimization.py (get_*_schedule_with_warmup).
import type { Recipe } from "../recipe/recipe.ts";

/**
 * Warmup as whole steps; a value below 1 is a share of all steps, rounded up as transformers does.
 */
export function warmupStepsOf({ warmupSteps }: Pick<Recipe, "warmupSteps">, total: number): number {
  return warmupSteps < 1 ? Math.ceil(warmupSteps * total) : Math.floor(warmupSteps);
}

/**
 * Learning rate of one optimizer step: transformers' operations in their order, so that a Trainer
 * that goes on has the same rates to the last bit.
 * @param stepsDone steps before this one, from 0: the first step of a warmup has rate 0
 * @param totalSteps steps of the whole run, warmup included
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
  const decaySteps = Math.max(1, totalSteps - warmup);
  switch (recipe.schedule) {
    case "constant":
      return recipe.learningRate;
    case "linear":
      return recipe.learningRate * (Math.max(0, totalSteps - stepsDone) / decaySteps);
    case "cosine":
      return (
        recipe.learningRate *
        Math.max(0, 0.5 * (1 + Math.cos(Math.PI * ((stepsDone - warmup) / decaySteps))))
      );
  }
}
