// The options of a recipe that follow model and data: those that nobody has chosen otherwise.
import { presetNames, type PresetName, type Presets } from "../../recipe/presets.ts";
import type { Recipe } from "../../recipe/recipe.ts";

type OptionName = keyof Recipe;

/** Options with the values that model and data gave them. One of another value was chosen. */
export interface Followed {
  preset: PresetName;
  values: Partial<Recipe>;
}

/** The options, those that still follow as `next` has them. */
export function following<Options extends Partial<Recipe>>(
  recipe: Options,
  { values }: Followed,
  next: Recipe,
): Options {
  const names = (Object.keys(values) as OptionName[]).filter((name) => {
    return isEqual(recipe[name], values[name]);
  });
  const followed = Object.fromEntries(names.map((name) => [name, structuredClone(next[name])]));
  return { ...recipe, ...followed };
}

/** For a recipe of unknown origin: the preset that it has most options of. */
export function nearestPreset(recipe: Recipe, presets: Presets): Followed {
  const sameAs = (name: PresetName) => {
    const options = Object.keys(recipe) as OptionName[];
    return options.filter((option) => isEqual(recipe[option], presets[name][option])).length;
  };
  const most = Math.max(...presetNames.map(sameAs));
  const preset = presetNames.find((name) => sameAs(name) === most) ?? "Balanced";
  return { preset, values: presets[preset] };
}

/** The chosen modules that a model has, in its order; all of the model's where it has none. */
export function presentModules<Name extends string>(
  chosen: readonly Name[],
  modules: readonly Name[],
): Name[] {
  const present = modules.filter((name) => chosen.includes(name));
  return present.length > 0 ? present : [...modules];
}

export function isEqual(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
