// Options in words, for the model card and docs/recipe.md.
import { formatSetting } from "../util/format.ts";
import type { NumberOption, RecipeOption } from "./option.ts";

/** A value of an option: "2e-4", "true", "q_proj, v_proj". */
export function showValue(value: RecipeOption["default"]): string {
  if (typeof value === "number") {
    return formatSetting(value);
  }
  return typeof value === "object" ? value.join(", ") : String(value);
}

/** The effect with what 0 means. */
export function hintOf(option: RecipeOption): string {
  const zero = isNumber(option) ? option.zero : undefined;
  return zero === undefined ? option.effect : `${option.effect} 0: ${zero}.`;
}

export function isNumber(option: RecipeOption): option is NumberOption {
  return option.kind === "count" || option.kind === "number";
}
