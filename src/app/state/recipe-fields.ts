// Groups the options of a recipe into the fields of the form.
import {
  optionGroups,
  type ChoiceOption,
  type ListOption,
  type NumberOption,
  type OptionGroup,
  type OptionTable,
  type RecipeOption,
  type SwitchOption,
  type TextOption,
} from "../../recipe/option.ts";
import { options } from "../../recipe/options.ts";

/** Names of a table's options of one kind. */
type NameOf<Table, Kind> = {
  [Name in keyof Table]: Table[Name] extends Kind ? Name : never;
}[keyof Table];
type Options = typeof options;

export type NumberField = NumberOption & { name: NameOf<Options, NumberOption> };
export type SwitchField = SwitchOption & { name: NameOf<Options, SwitchOption> };
export type ChoiceField = ChoiceOption & { name: NameOf<Options, ChoiceOption> };
export type ListField = ListOption & { name: NameOf<Options, ListOption> };
export type TextField = TextOption & { name: NameOf<Options, TextOption> };
export type RecipeField = NumberField | SwitchField | ChoiceField | ListField | TextField;

export interface FieldGroup<Field> {
  title: OptionGroup;
  fields: Field[];
}

/** Every option of a table as a field: by group, in the order of the table. */
export function fieldGroupsOf(table: OptionTable): FieldGroup<RecipeOption & { name: string }>[] {
  const fields = Object.entries(table).map(([name, option]) => ({ name, ...option }));
  return optionGroups.map((title) => ({
    title,
    fields: fields.filter(({ group }) => group === title),
  }));
}

/** The fields of the form. Names and kinds are those of the table, which the compiler forgets. */
export const fieldGroups = fieldGroupsOf(options) as FieldGroup<RecipeField>[];

export const recipeFields: readonly RecipeField[] = fieldGroups.flatMap(({ fields }) => fields);
