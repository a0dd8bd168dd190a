// The recipe being edited: valid values in `recipe`, what does not fit yet in `drafts` with its
// reason.
import {
  defaultRecipe,
  recipeRanges,
  type Recipe,
  type Schedule,
  type TargetModule,
} from "../../recipe/recipe.ts";
import { formatCount, formatSetting } from "../../util/format.ts";
import { presetOf, presetRecipe, type Base, type PresetName } from "./presets.ts";
import type { NumberKey, SwitchKey } from "./recipe-fields.ts";
import type { ModelInfo } from "../../session/protocol.ts";

interface Draft {
  text: string;
  fault: string;
}

export class RecipeForm {
  base = $state<Base>("demo");
  /** What the loaded model has, in its order. */
  modules = $state.raw<readonly TargetModule[]>(defaultRecipe.targetModules);
  recipe = $state<Recipe>(presetRecipe("Balanced", "demo", defaultRecipe.targetModules));
  drafts = $state<Partial<Record<NumberKey, Draft>>>({});

  readonly preset = $derived(presetOf(this.recipe, this.base, this.modules));
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
    this.replace(presetRecipe(name, this.base, this.modules));
  }

  /**
   * A preset follows the model; of a recipe of the visitor's own only modules that the model lacks
   * go.
   */
  useModel({ source, targetModules }: ModelInfo): void {
    const preset = this.preset;
    this.base = source === "demo" ? "demo" : "own";
    this.modules = targetModules;
    if (preset !== null) {
      this.choosePreset(preset);
      return;
    }
    const kept = targetModules.filter((name) => this.recipe.targetModules.includes(name));
    this.recipe.targetModules = kept.length > 0 ? kept : [...targetModules];
  }

  /** What the recipe will be once a model of the visitor's own is loaded. */
  forOwnModel(): Recipe {
    return this.preset === null
      ? this.snapshot()
      : presetRecipe(this.preset, "own", defaultRecipe.targetModules);
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
  setModule(module: TargetModule, isOn: boolean): void {
    this.recipe.targetModules = this.modules.filter((name) =>
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
