// The recipe being edited: valid values in `recipe`, text that is not valid yet in `drafts`.
import type { NumberRange } from "../../recipe/option.ts";
import type { TargetModule } from "../../recipe/options.ts";
import { demoPresets, type PresetName, type Presets } from "../../recipe/presets.ts";
import { defaultRecipe, type Recipe } from "../../recipe/recipe.ts";
import type { ModelInfo, RecipeReport } from "../../session/protocol.ts";
import { formatCount, formatSetting } from "../../util/format.ts";
import {
  following,
  isEqual,
  nearestPreset,
  presentModules,
  type Followed,
} from "./followed-options.ts";
import { presetOf } from "./presets.ts";
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

/** A recipe file and what became of its keys. */
export interface RecipeOrigin {
  fileName: string;
  report: RecipeReport;
}

export class RecipeForm {
  /** Of the model and data that were planned last; null for a restored run until it is planned. */
  #presets = $state.raw<Presets | null>(demoPresets);
  /** Target modules of the loaded model, in its order. */
  modules = $state.raw<readonly TargetModule[]>(defaultRecipe.targetModules);
  recipe = $state<Recipe>(structuredClone(demoPresets.Balanced));
  /** The file that the recipe was read from, until another recipe takes its place. */
  origin = $state.raw<RecipeOrigin | null>(null);
  drafts = $state<Partial<Record<NumberField["name"], Draft>>>({});

  /** As the visitor or a file chose them; the next model may have those that this one lacks. */
  #chosenModules: readonly TargetModule[] = defaultRecipe.targetModules;
  /** What model and data chose; null for a recipe of another visit or run until it is planned. */
  #followed: Followed | null = null;

  /** Learning rate of the balanced preset; null while there are no presets. */
  readonly usualRate = $derived(this.#presets?.Balanced.learningRate ?? null);
  readonly preset = $derived(this.#presets === null ? null : presetOf(this.recipe, this.#presets));
  readonly isValid = $derived(
    Object.keys(this.drafts).length === 0 &&
      recipeFields.every((field) => field.kind !== "list" || this.recipe[field.name].length > 0),
  );

  /** A plain copy: what is posted to the worker must not be a proxy. */
  snapshot(): Recipe {
    return $state.snapshot(this.recipe);
  }

  replace(recipe: Recipe): void {
    this.#replace(recipe, null, null);
  }

  /** Options that the file leaves out go on following model and data. */
  useFile(recipe: Recipe, origin: RecipeOrigin, leftOut: Partial<Recipe>): void {
    this.#replace(recipe, origin, { preset: "Balanced", values: leftOut });
  }

  /** What followed model and data before, and has the same value, goes on following them. */
  mend(recipe: Recipe): void {
    this.#replace(recipe, null, this.#followed);
  }

  /** The recipe of a run, which no preset replaces. */
  restore(recipe: Recipe): void {
    this.#presets = null;
    this.replace(recipe);
  }

  choosePreset(name: PresetName): void {
    if (this.#presets !== null) {
      const values = this.#presets[name];
      this.#replace(values, null, { preset: name, values });
    }
  }

  /** A preset follows model and data; of any other recipe the options that nobody chose do. */
  usePresets(presets: Presets): void {
    const { preset } = this;
    const followed = this.#followed;
    this.#presets = presets;
    if (preset !== null) {
      this.choosePreset(preset);
    } else if (followed !== null) {
      const next = presets[followed.preset];
      const recipe = following(this.snapshot(), followed, next);
      if (!isEqual(recipe.targetModules, this.recipe.targetModules)) {
        this.#chosenModules = recipe.targetModules;
      }
      this.recipe = recipe;
      this.#followed = { ...followed, values: following(followed.values, followed, next) };
    }
    this.settle();
  }

  /** The recipe was planned with the present presets: what it shares with them follows later. */
  settle(): void {
    if (this.#presets !== null) {
      this.#followed ??= nearestPreset(this.snapshot(), this.#presets);
    }
  }

  /** A recipe that the visitor changed targets those of its modules that the model has. */
  useModel({ targetModules }: ModelInfo): void {
    this.modules = targetModules;
    if (this.preset === null) {
      this.recipe.targetModules = presentModules(this.#chosenModules, targetModules);
    }
  }

  /** What tokens are counted by, and models priced with, before there are presets for them. */
  forOwnModel(): Recipe {
    if (this.preset !== null) {
      return structuredClone(defaultRecipe);
    }
    const recipe = this.snapshot();
    return this.#followed === null ? recipe : following(recipe, this.#followed, defaultRecipe);
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
    this.#chosenModules = this.snapshot().targetModules;
  }

  #replace(recipe: Recipe, origin: RecipeOrigin | null, followed: Followed | null): void {
    this.recipe = structuredClone(recipe);
    this.#chosenModules = this.snapshot().targetModules;
    this.drafts = {};
    this.origin = origin;
    this.#followed = followed;
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
