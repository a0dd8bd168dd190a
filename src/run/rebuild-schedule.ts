// Whether a run's device has lived long enough: a planned rebuild gives back what a driver has
// piled up.
import type { Recipe } from "../recipe/recipe.ts";
import type { RebuildReason } from "./events.ts";

/**
 * @param step the last one made; before the first there is nothing to give back
 * @param ageMs of the device
 * @returns null when it is not due
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
