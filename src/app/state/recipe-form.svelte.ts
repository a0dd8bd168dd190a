// The recipe being edited: valid values in `recipe`, what does not fit yet in `drafts` with its reason.
import { recipeRanges, type Recipe, type Schedule, type TargetModule } from "../../train/recipe.ts";
import { formatCount, formatSetting } from "../../util/format.ts";
import { presetOf, presetRecipe, type Base, type PresetName } from "./presets.ts";
import type { NumberKey, SwitchKey } from "./recipe-fields.ts";

interface Draft {
  text: string;
  fault: string;
}

export class RecipeForm {
  recipe = $state<Recipe>(presetRecipe("Balanced", "demo"));
  base = $state<Base>("demo");
  drafts = $state<Partial<Record<NumberKey, Draft>>>({});

  readonly preset = $derived(presetOf(this.recipe, this.base));
  readonly isValid = $derived(
    Object.keys(this.drafts).length === 0 && this.recipe.targetModules.length > 0,
  );

  /** A plain copy: what is posted to the worker must not be a proxy. */
  snapshot(): Recipe {
    return $state.snapshot(this.recipe);
  }

  replace(recipe: Recipe): void {
    this.recipe = structuredClone(recipe);
    this.drafts = {};
  }

  choosePreset(name: PresetName): void {
    this.replace(presetRecipe(name, this.base));
  }

  /** A preset follows the model; a recipe of the visitor's own stays as it is. */
  useBase(base: Base): void {
    const preset = this.preset;
    this.base = base;
    if (preset !== null) {
      this.choosePreset(preset);
    }
  }

  text(key: NumberKey): string {
    return this.drafts[key]?.text ?? formatSetting(this.recipe[key]);
  }

  setNumber(key: NumberKey, text: string): void {
    const value = text.trim() === "" ? Number.NaN : Number(text.replaceAll(",", ""));
    const { min, max, integer } = recipeRanges[key];
    if (value >= min && value <= max && (!integer || Number.isInteger(value))) {
      this.recipe[key] = value;
      this.drafts = Object.fromEntries(
        Object.entries(this.drafts).filter(([other]) => other !== key),
      );
      return;
    }
    const kind = integer ? "a whole number" : "a number";
    this.drafts = { ...this.drafts, [key]: { text, fault: `Give ${kind}, ${rangeWords(key)}.` } };
  }

  setSwitch(key: SwitchKey, isOn: boolean): void {
    this.recipe[key] = isOn;
  }

  setSchedule(schedule: Schedule): void {
    this.recipe.schedule = schedule;
  }

  /** Keeps the modules in the order of the model. */
  setModule(module: TargetModule, isOn: boolean, order: readonly TargetModule[]): void {
    this.recipe.targetModules = order.filter((name) =>
      name === module ? isOn : this.recipe.targetModules.includes(name),
    );
  }
}

/** Beyond this a limit only keeps out nonsense. */
const largest = 1e6;

export function isBounded(key: NumberKey): boolean {
  return recipeRanges[key].max < largest;
}

/** "1 to 256", "0 or more". */
export function rangeWords(key: NumberKey): string {
  const { min, max } = recipeRanges[key];
  return max >= largest
    ? `${formatSetting(min)} or more`
    : `${formatSetting(min)} to ${max >= 1000 ? formatCount(max) : formatSetting(max)}`;
}
