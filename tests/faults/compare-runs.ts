// A small run that uses every field of a checkpoint, and a bitwise comparison of two such runs.
import type { Recipe } from "../../src/recipe/recipe.ts";
import type { Digest } from "./page/run-protocol.ts";
import type { RunBrowser } from "./run-browser.ts";

/** Dropout, accumulation over rows, epochs, held-out loss, a schedule. */
export const recipe: Partial<Recipe> = {
  rank: 4,
  alpha: 8,
  dropout: 0.1,
  targetModules: ["q_proj", "v_proj"],
  batchSize: 1,
  gradientAccumulationSteps: 2,
  maxLength: 16,
  heldOutRows: 2,
  evalSteps: 5,
  earlyStoppingPatience: 0,
  saveSteps: 1,
  saveTotalLimit: 100,
};

/** Plays a run without faults. @returns all its checkpoints @throws Error when it fails */
export async function undisturbed(
  browser: RunBrowser,
  changes: Partial<Recipe>,
): Promise<Digest[]> {
  const from = browser.told.length;
  await browser.call("start", { recipe: { ...recipe, ...changes } });
  const error = await browser.untilEnd(from);
  if (error !== null) {
    throw new Error(error);
  }
  return await browser.call("digests");
}

/**
 * Waits for the end of the current run. @returns why it failed, or where it differs from `whole`
 */
export async function faultsOfRun(
  browser: RunBrowser,
  whole: readonly Digest[],
  from = 0,
): Promise<string[]> {
  const error = await browser.untilEnd(from);
  return error === null ? differences(whole, await browser.call("digests")) : [error];
}

export function differences(whole: readonly Digest[], found: readonly Digest[]): string[] {
  const wrong = whole.filter(({ step, sha256 }, i) => {
    const other = found[i];
    return other?.step !== step || other.sha256 !== sha256;
  });
  return wrong.length === 0 && whole.length === found.length
    ? []
    : [
        `${found.length} of ${whole.length} checkpoints, differing at ${wrong.map((d) => d.step).join(", ")}`,
      ];
}
