// The kinds of recipe options, one small constructor each, and the type of a recipe that a table of
// options gives.

/** Groups of options, in the order of the form and of docs/recipe.md. */
export const optionGroups = [
  "Adapter",
  "Optimizer (AdamW)",
  "Batches",
  "Data",
  "Checks and checkpoints",
  "Device",
] as const;
export type OptionGroup = (typeof optionGroups)[number];

interface Described<Value> {
  /** The value when a recipe does not name the option. */
  default: Value;
  /** Name in the form and in messages. */
  label: string;
  group: OptionGroup;
  /** What the option changes and what is usual, in one line: the hint of the form. */
  effect: string;
  /** The same option in PEFT's LoraConfig. */
  peft?: string;
  /** The same option in TRL's SFTConfig, or in a class of transformers that it is used with. */
  trl?: string;
  /** For an option that checkpoints of earlier schemas lack. */
  since?: Since<Value>;
}

/** Every checkpoint of `schema` or newer names the option; older runs trained with `before`. */
export interface Since<Value> {
  schema: number;
  before: Value;
}

/** Both ends are accepted. */
export interface NumberRange {
  min: number;
  max: number;
}

/** A whole number (`count`) or any number. */
export interface NumberOption extends Described<number> {
  kind: "count" | "number";
  range: NumberRange;
  unit?: string;
  /** What 0 means, where it is not simply the smallest value. */
  zero?: string;
}

export interface SwitchOption extends Described<boolean> {
  kind: "switch";
}

/** One of several names. */
export interface ChoiceOption<Name extends string = string> extends Described<Name> {
  kind: "choice";
  choices: readonly Name[];
}

/** At least one of several names, none twice. */
export interface ListOption<Name extends string = string> extends Described<readonly Name[]> {
  kind: "list";
  /** What one entry is, in the singular. */
  item: string;
  choices: readonly Name[];
}

/** Text that a person writes. */
export interface TextOption extends Described<string> {
  kind: "text";
  /** UTF-16 units. */
  maxLength: number;
}

export type RecipeOption = NumberOption | SwitchOption | ChoiceOption | ListOption | TextOption;

/** Options by their name in a JSON recipe. */
export type OptionTable = Readonly<Record<string, RecipeOption>>;

type WithoutKind<Kind> = Omit<Kind, "kind">;

export function count(option: WithoutKind<NumberOption>): NumberOption {
  return { kind: "count", ...option };
}

export function number(option: WithoutKind<NumberOption>): NumberOption {
  return { kind: "number", ...option };
}

export function toggle(option: WithoutKind<SwitchOption>): SwitchOption {
  return { kind: "switch", ...option };
}

export function choice<const Name extends string>(
  option: WithoutKind<ChoiceOption<Name>>,
): ChoiceOption<Name> {
  return { kind: "choice", ...option };
}

export function list<const Name extends string>(
  option: WithoutKind<ListOption<Name>>,
): ListOption<Name> {
  return { kind: "list", ...option };
}

export function text(option: WithoutKind<TextOption>): TextOption {
  return { kind: "text", ...option };
}

/** The recipe that a table describes: each option by name, with the type of its kind. */
export type RecipeOf<Table extends OptionTable> = {
  -readonly [Name in keyof Table]: ValueOf<Table[Name]>;
};

type ValueOf<Kind extends RecipeOption> =
  Kind extends ListOption<infer Name> ? Name[] : Kind["default"];
