// Three presets of a recipe, for the demo and for models of 100 M parameters and more.
import type { TargetModule } from "../../recipe/options.ts";
import { defaultRecipe, demoRecipe, type Recipe } from "../../recipe/recipe.ts";

export const presetNames = ["Quick", "Balanced", "Thorough"] as const;
export type PresetName = (typeof presetNames)[number];
/** The demo model is small and needs other learning rates than the rest. */
export type Base = "demo" | "own";

const changes: Record<Base, Record<PresetName, Partial<Recipe>>> = {
  demo: {
    Quick: { rank: 4, alpha: 8, maxSteps: 30 },
    Balanced: {},
    Thorough: { rank: 16, alpha: 32, maxSteps: 120, learningRate: 3e-3 },
  },
  own: {
    Quick: { rank: 8, alpha: 16, epochs: 1 },
    Balanced: {},
    Thorough: { rank: 32, alpha: 64, epochs: 3, learningRate: 1e-4, dropout: 0.05 },
  },
};

/** @param modules target modules of the model; every one of them gets an adapter */
export function presetRecipe(
  name: PresetName,
  base: Base,
  modules: readonly TargetModule[],
): Recipe {
  const defaults = base === "demo" ? demoRecipe : defaultRecipe;
  return structuredClone({ ...defaults, ...changes[base][name], targetModules: [...modules] });
}

/** The preset that a recipe equals, or null. */
export function presetOf(
  recipe: Recipe,
  base: Base,
  modules: readonly TargetModule[],
): PresetName | null {
  const text = canonical(recipe);
  return presetNames.find((name) => canonical(presetRecipe(name, base, modules)) === text) ?? null;
}

/** "60 steps", "2 epochs". */
export function lengthOf(recipe: Recipe): string {
  return recipe.maxSteps > 0
    ? `${recipe.maxSteps} steps`
    : `${recipe.epochs} ${recipe.epochs === 1 ? "epoch" : "epochs"}`;
}

function canonical(recipe: Recipe): string {
  return JSON.stringify(Object.entries(recipe).sort(([a], [b]) => (a < b ? -1 : 1)));
}
