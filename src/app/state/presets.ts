// Which preset a recipe is, its length, and what it uses of the data, in words.
import { presetNames, type PresetName, type Presets } from "../../recipe/presets.ts";
import type { Recipe } from "../../recipe/recipe.ts";
import type { RunPlan } from "../../session/protocol.ts";
import { formatCount, formatCountOf } from "../../util/format.ts";

/** The preset that a recipe equals, or null. */
export function presetOf(recipe: Recipe, presets: Presets): PresetName | null {
  const text = canonical(recipe);
  return presetNames.find((name) => canonical(presets[name]) === text) ?? null;
}

/** "60 steps", "2 epochs". */
export function lengthOf(recipe: Recipe): string {
  return recipe.maxSteps > 0
    ? `${recipe.maxSteps} steps`
    : `${recipe.epochs} ${recipe.epochs === 1 ? "epoch" : "epochs"}`;
}

/** "2.1 epochs, all 4,960 rows", "0.05 epochs, 240 of 4,960 rows". */
export function coverageOf({ epochs, rowsUsed, trainRows }: RunPlan): string {
  const figure = Number(epochs < 1 ? epochs.toPrecision(1) : epochs.toFixed(epochs < 10 ? 1 : 0));
  const rows =
    rowsUsed === trainRows
      ? `all ${formatCountOf(trainRows, "row")}`
      : `${formatCount(rowsUsed)} of ${formatCountOf(trainRows, "row")}`;
  return `${figure} ${figure === 1 ? "epoch" : "epochs"}, ${rows}`;
}

function canonical(recipe: Recipe): string {
  return JSON.stringify(Object.entries(recipe).sort(([a], [b]) => (a < b ? -1 : 1)));
}
