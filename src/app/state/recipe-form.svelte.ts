// The recipe being edited: valid values in `recipe`, text that is not valid yet in `drafts`.
import type { NumberRange } from "../../recipe/option.ts";
import type { TargetModule } from "../../recipe/options.ts";
import { defaultRecipe, type Recipe } from "../../recipe/recipe.ts";
import type { ModelInfo } from "../../session/protocol.ts";
import { formatCount, formatSetting } from "../../util/format.ts";
import { presetOf, presetRecipe, type Base, type PresetName } from "./presets.ts";
import {
  recipeFields,
  type ChoiceField,
  type ListField,
  type NumberField,
  type SwitchField,
  type TextField,
} from "./recipe-fields.ts";

/** Text in a number field that is not a value of the option, with the reason. */
interface Draft {
  text: string;
  fault: string;
}

export class RecipeForm {
  base = $state<Base>("demo");
  /** Target modules of the loaded model, in its order. */
  modules = $state.raw<readonly TargetModule[]>(defaultRecipe.targetModules);
  recipe = $state<Recipe>(presetRecipe("Balanced", "demo", defaultRecipe.targetModules));
  drafts = $state<Partial<Record<NumberField["name"], Draft>>>({});

  readonly preset = $derived(presetOf(this.recipe, this.base, this.modules));
  readonly isValid = $derived(
    Object.keys(this.drafts).length === 0 &&
      recipeFields.every((field) => field.kind !== "list" || this.recipe[field.name].length > 0),
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

  /** A preset follows the model. Any other recipe loses only modules that the model lacks. */
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

  /** The recipe once a model other than the demo is loaded. */
  forOwnModel(): Recipe {
    return this.preset === null
      ? this.snapshot()
      : presetRecipe(this.preset, "own", defaultRecipe.targetModules);
  }

  text({ name }: NumberField): string {
    return this.drafts[name]?.text ?? formatSetting(this.recipe[name]);
  }

  /** Takes the number into the recipe, or keeps the text as a draft. */
  setNumber({ name, kind, range }: NumberField, text: string): void {
    const value = text.trim() === "" ? Number.NaN : Number(text.replaceAll(",", ""));
    const isOfKind = kind === "number" || Number.isInteger(value);
    if (value >= range.min && value <= range.max && isOfKind) {
      this.recipe[name] = value;
      this.drafts = Object.fromEntries(
        Object.entries(this.drafts).filter(([other]) => other !== name),
      );
      return;
    }
    const expected = kind === "count" ? "a whole number" : "a number";
    const fault = `Enter ${expected}, ${rangeWords(range)}.`;
    this.drafts = { ...this.drafts, [name]: { text, fault } };
  }

  setSwitch({ name }: SwitchField, isOn: boolean): void {
    this.recipe[name] = isOn;
  }

  setChoice({ name, choices }: ChoiceField, chosen: string): void {
    if (choices.includes(chosen)) {
      Object.assign(this.recipe, { [name]: chosen });
    }
  }

  /** The field holds no more than the option takes. */
  setText({ name, maxLength }: TextField, text: string): void {
    this.recipe[name] = text.slice(0, maxLength);
  }

  /** What a list can name: of target modules, those of the model. */
  itemsOf({ name, choices }: ListField): readonly string[] {
    const present: Partial<Record<string, readonly string[]>> = { targetModules: this.modules };
    return present[name] ?? choices;
  }

  includes({ name }: ListField, item: string): boolean {
    const items: readonly string[] = this.recipe[name];
    return items.includes(item);
  }

  /** Keeps the items in the order of `itemsOf`. */
  setItem(field: ListField, item: string, isOn: boolean): void {
    const items = this.itemsOf(field).filter((other) =>
      other === item ? isOn : this.includes(field, other),
    );
    Object.assign(this.recipe, { [field.name]: items });
  }
}

/** Beyond this a limit only keeps out nonsense. */
const largest = 1e6;

export function isBounded({ max }: NumberRange): boolean {
  return max < largest;
}

/** "1 to 256", "0 or more". */
export function rangeWords({ min, max }: NumberRange): string {
  return max >= largest
    ? `${formatSetting(min)} or more`
    : `${formatSetting(min)} to ${max >= 1000 ? formatCount(max) : formatSetting(max)}`;
}
