// The schedules of saves, besides those that a person or the browser asks for, and of planned
// rebuilds, which release the memory that a driver has accumulated.
import type { Recipe } from "../recipe/recipe.ts";
import type { RebuildReason, SaveReason } from "./events.ts";

/**
 * @param step the last one made; at 0 no rebuild is due
 * @param ageMs of the device
 * @param allocatedBytes on the device
 * @returns why a rebuild is due; null when none is
 */
export function rebuildDue(
  {
    reloadEverySteps,
    reloadEveryMinutes,
    reloadAboveBytes,
  }: Pick<Recipe, "reloadEverySteps" | "reloadEveryMinutes" | "reloadAboveBytes">,
  step: number,
  ageMs: number,
  allocatedBytes: number,
): RebuildReason | null {
  if (step === 0) {
    return null;
  }
  if (reloadEverySteps > 0 && step % reloadEverySteps === 0) {
    return "every-steps";
  }
  if (reloadEveryMinutes > 0 && ageMs >= reloadEveryMinutes * 60_000) {
    return "every-minutes";
  }
  return reloadAboveBytes > 0 && allocatedBytes > reloadAboveBytes ? "above-bytes" : null;
}

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
