// The end of training: after the last step, or early, once the held-out loss stops gaining.
import type { Recipe } from "../recipe/recipe.ts";
import { trained } from "./held-out.ts";
import type { TrainerState } from "./state.ts";

/**
 * How the training ended: all steps are made, or it stops early for want of a gain. Null while
 * steps are left.
 */
export function endOf(
  { step, totalSteps, log }: Pick<TrainerState, "step" | "totalSteps" | "log">,
  recipe: Recipe,
): "complete" | "no-gain" | null {
  if (step >= totalSteps) {
    return "complete";
  }
  // It can only end at the evaluation that it has just made.
  return log.at(-1)?.heldOutLoss !== undefined && stopsEarly(log, recipe) ? "no-gain" : null;
}

/**
 * The rule of transformers' EarlyStoppingCallback with threshold 0: training ends at the evaluation
 * that makes `earlyStoppingPatience` of them in a row without one below all before. As there, the
 * first evaluation after a step counts as a gain, and the one before training does not count.
 *
 * A function of log and recipe, so that a resumed run ends where the run in one piece does: what a
 * stop measured between two evaluations does not count either.
 */
export function stopsEarly(
  log: TrainerState["log"],
  recipe: Pick<Recipe, "evalSteps" | "earlyStoppingPatience">,
): boolean {
  const { evalSteps, earlyStoppingPatience } = recipe;
  return (
    earlyStoppingPatience > 0 &&
    evalSteps > 0 &&
    evaluationsWithoutGain(log, recipe) >= earlyStoppingPatience
  );
}

/** How many evaluations up to now have not had a loss below all before. */
export function evaluationsWithoutGain(
  log: TrainerState["log"],
  { evalSteps }: Pick<Recipe, "evalSteps">,
): number {
  let lowest = Infinity;
  let withoutGain = 0;
  for (const { step, heldOutLoss } of trained(log)) {
    if (step % evalSteps === 0) {
      withoutGain = heldOutLoss < lowest ? 0 : withoutGain + 1;
      lowest = Math.min(lowest, heldOutLoss);
    }
  }
  return withoutGain;
}
