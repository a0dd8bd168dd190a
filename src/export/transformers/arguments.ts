// A recipe as arguments of transformers' TrainingArguments, and what it has that they lack.
// Source: transformers 5.24, training_args.py.
import type { RunState } from "../../checkpoint/file/run-state.ts";
import type { Recipe } from "../../recipe/recipe.ts";

/** `code` is an expression. */
export type PythonLiteral =
  number | string | boolean | readonly string[] | { readonly code: string };

/** Arguments by name, in groups as a person writes them. */
export type ArgumentGroup = Readonly<Record<string, PythonLiteral>>;

/**
 * The arguments that decide the steps.
 * @param totalSteps of the run, where they are known; otherwise they follow from the epochs
 */
export function stepArguments(recipe: Recipe, totalSteps: number | null): ArgumentGroup[] {
  const maxSteps = totalSteps ?? recipe.maxSteps;
  return [
    {
      ...(maxSteps > 0 ? { max_steps: maxSteps } : { num_train_epochs: recipe.epochs }),
      per_device_train_batch_size: recipe.batchSize,
      gradient_accumulation_steps: recipe.gradientAccumulationSteps,
    },
    {
      learning_rate: recipe.learningRate,
      lr_scheduler_type: scheduleName(recipe),
      warmup_steps: recipe.warmupSteps,
    },
    {
      weight_decay: recipe.weightDecay,
      adam_beta1: recipe.beta1,
      adam_beta2: recipe.beta2,
      adam_epsilon: recipe.epsilon,
      max_grad_norm: recipe.maxGradNorm,
    },
    {
      ...(recipe.labelSmoothing > 0 ? { label_smoothing_factor: recipe.labelSmoothing } : {}),
      bf16: false, // TRL's default is on
      seed: recipe.seed,
    },
  ];
}

/** The arguments of checks and checkpoints. */
export function saveArguments(recipe: Recipe, hasHeldOut: boolean): ArgumentGroup {
  const { evalSteps, saveSteps } = recipe;
  return {
    ...(hasHeldOut && evalSteps > 0
      ? {
          ...{ eval_strategy: "steps", eval_steps: evalSteps, eval_on_start: true },
          per_device_eval_batch_size: recipe.batchSize,
        }
      : {}),
    ...(saveSteps > 0
      ? { save_steps: saveSteps, save_total_limit: recipe.saveTotalLimit }
      : { save_strategy: "no" }),
    logging_steps: 1,
    report_to: "none",
  };
}

/** transformers' "constant" has no warmup. */
function scheduleName({ schedule }: Recipe): string {
  return schedule === "constant" ? "constant_with_warmup" : schedule;
}

/** Lines of a call, a line for each argument and a blank one between groups. */
export function argumentLines(groups: readonly ArgumentGroup[], indent = "    "): string {
  return groups
    .map((group) =>
      Object.entries(group)
        .map(([name, value]) => `${indent}${name}=${pythonLiteral(value)},`)
        .join("\n"),
    )
    .filter((lines) => lines !== "")
    .join("\n\n");
}

/** JSON's numbers and strings are Python's. */
export function pythonLiteral(value: PythonLiteral): string {
  if (typeof value === "boolean") {
    return value ? "True" : "False";
  }
  if (typeof value !== "object") {
    return JSON.stringify(value);
  }
  return "code" in value ? value.code : `[${value.map((item) => JSON.stringify(item)).join(", ")}]`;
}

/** What of the run a Trainer does otherwise or lacks, a sentence each. */
export function withoutCounterpart({ recipe, base, data }: RunState): string[] {
  const heldOut = data.heldOutLines.length > 0;
  return [
    ...(heldOut && recipe.batchSize > 1
      ? ["A Trainer's eval_loss is a mean over batches, Anneal's held-out loss one over tokens."]
      : []),
    ...(recipe.dropout > 0 ? ["Dropout masks are drawn anew: other values are zeroed."] : []),
    ...(recipe.saveMinutes > 0 && recipe.saveSteps === 0
      ? ["A Trainer saves by steps, not by minutes: give save_steps."]
      : []),
    ...(data.isWeighted ? ["A Trainer has no weights of rows: all rows count alike."] : []),
    ...(base.weightFormat === "stored"
      ? []
      : [`A Trainer loads the weights of the files, not those in ${base.weightFormat}.`]),
  ];
}
