// The rows of a run as tokens and labels, and which of them each step trains: JSON for `datasets`.
import type { TokenRows } from "../../data/token-rows.ts";
import type { TokenRow } from "../../data/token-store.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import { stepRows } from "../../train/batches.ts";
import type { RunRows } from "../format.ts";

/** transformers' label of a token that is not trained. */
const ignored = -100;

/** A line for each row. */
export function tokenLines(rows: TokenRows): string {
  return Array.from(rows, (row) => `${JSON.stringify(tokenColumns(row))}\n`).join("");
}

/** Labels as transformers takes them, which shifts them itself: the first is never a target. */
export function tokenColumns({ tokens, isTrained }: TokenRow): {
  input_ids: number[];
  labels: number[];
} {
  return {
    input_ids: [...tokens],
    labels: Array.from(tokens, (token, place) => (place > 0 && isTrained[place] ? token : ignored)),
  };
}

/** A list of row numbers for each step of the run, a line each. */
export function stepsJson({ dataset }: RunRows, recipe: Recipe, totalSteps: number): string {
  const steps = Array.from(stepRows(dataset, recipe, totalSteps), (rows) => JSON.stringify(rows));
  return `[\n${steps.join(",\n")}\n]\n`;
}
