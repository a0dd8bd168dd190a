// The schedule of saves besides those that a person or the browser asks for.
import type { Recipe } from "../recipe/recipe.ts";
import type { SaveReason } from "./events.ts";

/**
 * @param step the last one made; at 0 no save is due
 * @param ageMs since the last save
 * @returns why a save is due; null when none is
 */
export function saveDue(
  { saveSteps, saveMinutes }: Pick<Recipe, "saveSteps" | "saveMinutes">,
  step: number,
  ageMs: number,
): Extract<SaveReason, "steps" | "minutes"> | null {
  if (step === 0) {
    return null;
  }
  if (saveSteps > 0 && step % saveSteps === 0) {
    return "steps";
  }
  return saveMinutes > 0 && ageMs >= saveMinutes * 60_000 ? "minutes" : null;
}
