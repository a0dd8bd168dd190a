// The error of both engines for a step whose loss or gradient is not finite.
import { UserError } from "../util/errors.ts";
import type { StepHyper } from "./contract.ts";

/** @throws UserError "non-finite-loss" unless both are finite */
export function refuseNonFinite(lossSum: number, gradNorm: number, hyper: StepHyper): void {
  if (Number.isFinite(lossSum) && Number.isFinite(gradNorm)) {
    return;
  }
  throw new UserError(
    "non-finite-loss",
    `Step ${hyper.step} gave a loss sum of ${lossSum} and a gradient norm of ${gradNorm}; the adapter was not changed.`,
    {
      where: `step ${hyper.step}`,
      remedy: `Resume from a saved step with a lower learning rate (now ${hyper.learningRate}).`,
    },
  );
}
