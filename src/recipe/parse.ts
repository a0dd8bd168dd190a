// The strict parser of the JSON form of a recipe: every fault in one message, by option.
import { UserError } from "../util/errors.ts";
import { nearestName } from "../util/nearest.ts";
import { shortJson } from "../util/short-json.ts";
import type { ListOption, NumberOption, OptionTable, RecipeOf, RecipeOption } from "./option.ts";
import { options } from "./options.ts";
import type { Recipe } from "./recipe.ts";

/** More than any tool has; each unknown key is compared with all that are known. */
export const maxKeys = 1000;

/**
 * Parses a JSON recipe over defaults: every option may be absent, unknown ones are refused.
 * @param where the file or field that error messages name
 * @throws UserError "bad-recipe" naming each wrong option with what it accepts
 */
export function parseRecipe(value: unknown, defaults: Readonly<Recipe>, where = "recipe"): Recipe {
  return parseWith(options, value, defaults, where);
}

/** `parseRecipe` for any table of options. */
export function parseWith<Table extends OptionTable>(
  table: Table,
  value: unknown,
  defaults: Readonly<RecipeOf<Table>>,
  where: string,
): RecipeOf<Table> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badRecipe(["it is not a JSON object"], where);
  }
  if (Object.keys(value).length > maxKeys) {
    throw badRecipe([`it has more than ${maxKeys} keys`], where);
  }
  const faults = Object.entries(value).flatMap(([name, given]) =>
    Object.hasOwn(table, name)
      ? optionFaults(name, given, table[name] as RecipeOption)
      : [`there is no option ${shortJson(name)}${meantBy(name, table)}`],
  );
  if (faults.length > 0) {
    throw badRecipe(faults, where);
  }
  return { ...defaults, ...value };
}

function meantBy(name: string, table: OptionTable): string {
  const nearest = nearestName(name, Object.keys(table));
  return nearest === null ? "" : ` (${nearest} is the nearest)`;
}

/**
 * What is wrong with a value of an option, a clause each.
 * @param name the option's, or what a foreign file calls it
 */
export function optionFaults(name: string, value: unknown, option: RecipeOption): string[] {
  switch (option.kind) {
    case "count":
    case "number":
      return numberFaults(name, value, option);
    case "switch":
      return typeof value === "boolean" ? [] : [`${name} must be true or false`];
    case "choice":
      return (option.choices as readonly unknown[]).includes(value)
        ? []
        : [`${name} must be one of ${option.choices.join(", ")}, not ${shortJson(value)}`];
    case "list":
      return listFaults(name, value, option);
    case "text":
      return typeof value === "string" && value.length <= option.maxLength
        ? []
        : [`${name} must be text of at most ${option.maxLength} characters`];
  }
}

/** None, or one sentence with the range. */
export function numberFaults(
  name: string,
  value: unknown,
  { kind, range: { min, max } }: Pick<NumberOption, "kind" | "range">,
): string[] {
  const fits =
    typeof value === "number" &&
    value >= min &&
    value <= max &&
    (kind === "number" || Number.isInteger(value));
  const expected = kind === "count" ? "a whole number" : "a number";
  return fits ? [] : [`${name} must be ${expected} from ${min} to ${max}, not ${shortJson(value)}`];
}

function listFaults(name: string, value: unknown, { item, choices }: ListOption): string[] {
  if (!Array.isArray(value) || value.length === 0) {
    return [`${name} must name at least one ${item}`];
  }
  const unknown = value.filter((entry) => !(choices as readonly unknown[]).includes(entry));
  return [
    ...(new Set(value).size < value.length ? [`${name} repeats a ${item}`] : []),
    ...unknown.map(
      (entry) => `${shortJson(entry)} is not a ${item}; known are ${choices.join(", ")}`,
    ),
  ];
}

/** "bad-recipe" with all faults in one message. */
export function badRecipe(faults: readonly string[], where: string): UserError {
  return new UserError("bad-recipe", `The recipe was not loaded: ${faults.join("; ")}.`, {
    where,
    remedy: "Correct these options and load the recipe again.",
  });
}
