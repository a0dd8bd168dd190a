// Every option of a recipe as the page shows it: its group, its name as PEFT and TRL users know it,
// one line on its effect.
import type { Recipe, recipeRanges } from "../../recipe/recipe.ts";

export type NumberKey = keyof typeof recipeRanges;
export type SwitchKey = "completionOnly" | "packing" | "shuffle";

interface Labelled {
  label: string;
  /** Unit and effect, one line. */
  hint: string;
}

export type RecipeField =
  | (Labelled & { kind: "number"; key: NumberKey })
  | (Labelled & { kind: "switch"; key: SwitchKey })
  | (Labelled & { kind: "schedule"; key: "schedule" })
  | (Labelled & { kind: "modules"; key: "targetModules" });

export interface FieldGroup {
  title: string;
  fields: RecipeField[];
}

const number = (key: NumberKey, label: string, hint: string): RecipeField => ({
  kind: "number",
  key,
  label,
  hint,
});

export const fieldGroups: readonly FieldGroup[] = [
  {
    title: "Adapter",
    fields: [
      number("rank", "rank", "Size of the adapter. 4 to 64 is usual; more learns and weighs more."),
      number("alpha", "alpha", "Strength: scaled by alpha / rank. Usually 1 or 2 times the rank."),
      number("dropout", "dropout", "Share of the input zeroed. Helps against overfitting."),
      {
        kind: "modules",
        key: "targetModules",
        label: "target modules",
        hint: "Layers that get an adapter. All of them learn best.",
      },
    ],
  },
  {
    title: "Optimizer (AdamW)",
    fields: [
      number(
        "learningRate",
        "learning rate",
        "Peak step size. 1e-4 to 5e-4 from 100 M parameters.",
      ),
      {
        kind: "schedule",
        key: "schedule",
        label: "schedule",
        hint: "How the rate goes on after the warmup.",
      },
      number("warmupSteps", "warmup steps", "Steps up from zero; below 1, a share of all steps."),
      number("weightDecay", "weight decay", "Pull of A and B towards zero. 0 is PEFT's choice."),
      number("beta1", "beta1", "Memory of the first moment."),
      number("beta2", "beta2", "Memory of the second moment."),
      number("epsilon", "epsilon", "Added to the denominator."),
      number("maxGradNorm", "max grad norm", "Gradients are scaled down to this norm; 0 is off."),
    ],
  },
  {
    title: "Batches",
    fields: [
      number("batchSize", "batch size", "Rows at a time. More is smoother and needs more memory."),
      number(
        "gradientAccumulationSteps",
        "gradient accumulation steps",
        "Batches in one step: a larger batch without more memory.",
      ),
      number("epochs", "epochs", "Passes over the data; counts when max steps is 0."),
      number("maxSteps", "max steps", "Optimizer steps in all; 0 goes by epochs."),
    ],
  },
  {
    title: "Data",
    fields: [
      number("maxLength", "max length", "Tokens in a row; longer rows are cut on the right."),
      {
        kind: "switch",
        key: "completionOnly",
        label: "completion only",
        hint: "Train on the answer only, not on the prompt.",
      },
      number(
        "labelSmoothing",
        "label smoothing",
        "Share of each answer given to all tokens. 0.1 is usual, 0 is fastest.",
      ),
      {
        kind: "switch",
        key: "packing",
        label: "packing",
        hint: "Several examples in a row, up to max length: fewer, fuller steps.",
      },
      {
        kind: "switch",
        key: "shuffle",
        label: "shuffle",
        hint: "A new order of the rows for each epoch.",
      },
      number(
        "heldOutRows",
        "held-out rows",
        "Rows kept out of training, to measure it; a fifth where there are no more.",
      ),
      number("seed", "seed", "Start of the adapter, order of rows, dropout and sampling."),
    ],
  },
  {
    title: "Checks and checkpoints",
    fields: [
      number(
        "evalSteps",
        "eval steps",
        "Held-out loss every so many steps; 0: start and end only.",
      ),
      number(
        "saveSteps",
        "save steps",
        "Checkpoint every so many steps; 0: at pause and stop only.",
      ),
      number(
        "saveTotalLimit",
        "save total limit",
        "Checkpoints kept, newest first, besides the best.",
      ),
    ],
  },
  {
    title: "Device",
    fields: [
      number("reloadEverySteps", "reload every steps", "Rebuild the GPU device so often; 0 never."),
      number("reloadEveryMinutes", "reload every minutes", "Rebuild it by its age; 0 never."),
      number("reloadAboveBytes", "reload above bytes", "Rebuild above this much memory; 0 never."),
    ],
  },
];

/** Name of an option for messages. */
export function labelOf(key: keyof Recipe): string {
  const fields = fieldGroups.flatMap((group) => group.fields);
  return fields.find((field) => field.key === key)?.label ?? key;
}
