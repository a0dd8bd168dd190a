// The schedule of planned rebuilds, which release the memory that a driver has accumulated.
import type { Recipe } from "../recipe/recipe.ts";
import type { RebuildReason } from "./events.ts";

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
