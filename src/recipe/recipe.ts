// The recipe: every option of a run with its unit and effect, its defaults, and the strict parser
// of the JSON form.
import { UserError } from "../util/errors.ts";
import { shortJson } from "../util/short-json.ts";

/**
 * Linear layers by PEFT's names. The first seven are those of most models, the last two Phi-3's in
 * place of five.
 */
export const allTargetModules = [
  "q_proj",
  "k_proj",
  "v_proj",
  "o_proj",
  "gate_proj",
  "up_proj",
  "down_proj",
  "qkv_proj",
  "gate_up_proj",
] as const;
export type TargetModule = (typeof allTargetModules)[number];

export const allSchedules = ["linear", "cosine", "constant"] as const;
export type Schedule = (typeof allSchedules)[number];

export interface Recipe {
  /**
   * Size of the adapter: inner dimension of A and B. 4 to 64 is usual; more learns more and weighs
   * more.
   */
  rank: number;
  /** Strength: the adapter's output is scaled by alpha / rank. Usually 1 or 2 times the rank. */
  alpha: number;
  /**
   * Share of the adapter's input zeroed while training, 0 to 0.9. Helps against overfitting on
   * little data.
   */
  dropout: number;
  /**
   * Which linear layers get an adapter. All of them learn best; q_proj and v_proj alone are
   * lightest.
   */
  targetModules: TargetModule[];
  /**
   * Peak step size of AdamW. 1e-4 to 5e-4 for models of 100 M parameters and up, more for tiny
   * ones.
   */
  learningRate: number;
  /**
   * How the learning rate goes on after the warmup: down to zero by a line or a cosine, or
   * constant.
   */
  schedule: Schedule;
  /**
   * Optimizer steps over which the learning rate rises from zero; below 1 it is a share of all
   * steps.
   */
  warmupSteps: number;
  /** Decoupled weight decay of A and B. 0 is PEFT's usual choice. */
  weightDecay: number;
  /** AdamW: memory of the first moment. */
  beta1: number;
  /** AdamW: memory of the second moment. */
  beta2: number;
  /** AdamW: added to the denominator. */
  epsilon: number;
  /** Gradients are scaled down to this global norm; 0 turns clipping off. */
  maxGradNorm: number;
  /** Rows in one micro-batch. More is smoother and needs more memory. */
  batchSize: number;
  /** Micro-batches in one optimizer step: a larger batch without more memory. */
  gradientAccumulationSteps: number;
  /** Passes over the data; counts when maxSteps is 0. */
  epochs: number;
  /** Optimizer steps in all; 0 means by epochs. */
  maxSteps: number;
  /** Longest row in tokens; longer rows are cut on the right and counted. */
  maxLength: number;
  /** Train on the completion only (true) or on the prompt as well. */
  completionOnly: boolean;
  /**
   * Share of each answer that is spread over the whole vocabulary (transformers'
   * label_smoothing_factor), 0 to 0.9. Against too sure a model; 0.1 is usual, 0 is plain
   * cross-entropy. Steps are slower. The held-out loss is cross-entropy in any case.
   */
  labelSmoothing: number;
  /**
   * Fill each row of a batch with several examples, none of which sees another, up to maxLength
   * tokens (TRL's packing). Less padding and fewer steps an epoch, each over more examples.
   */
  packing: boolean;
  /** Draw a new order of the rows for each epoch; false keeps the file's order. */
  shuffle: boolean;
  /**
   * Rows kept out of training for the held-out loss: the last ones of the shuffled file (of the
   * file itself without shuffle). A fifth of the rows where there are no more than this.
   */
  heldOutRows: number;
  /** Held-out loss every this many steps (and at the start and the end); 0 only there. */
  evalSteps: number;
  /** Checkpoint every this many steps; 0 only at pause, stop and when the page is hidden. */
  saveSteps: number;
  /**
   * Checkpoints kept, newest first, though never fewer than two; the best by held-out loss is kept
   * besides.
   */
  saveTotalLimit: number;
  /** Destroy and rebuild the GPU device every this many steps; 0 never. */
  reloadEverySteps: number;
  /** Rebuild the device when it is this many minutes old, after the step being made; 0 never. */
  reloadEveryMinutes: number;
  /** Rebuild when device memory exceeds this many bytes; 0 never. */
  reloadAboveBytes: number;
  /** Seed of the adapter's start, the order of rows, dropout and sampling. */
  seed: number;
}

/** Defaults for models of 100 M parameters and more: TRL's and Unsloth's usual choices. */
export const defaultRecipe: Readonly<Recipe> = {
  rank: 16,
  alpha: 32,
  dropout: 0,
  targetModules: allTargetModules.slice(0, 7),
  learningRate: 2e-4,
  schedule: "linear",
  warmupSteps: 0.03,
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  maxGradNorm: 1,
  batchSize: 4,
  gradientAccumulationSteps: 2,
  epochs: 2,
  maxSteps: 0,
  maxLength: 1024,
  completionOnly: true,
  labelSmoothing: 0,
  packing: false,
  shuffle: true,
  heldOutRows: 40,
  evalSteps: 20,
  saveSteps: 20,
  saveTotalLimit: 3,
  reloadEverySteps: 0,
  reloadEveryMinutes: 0,
  reloadAboveBytes: 0,
  seed: 42,
};

/** What differs for the bundled demo, a model of one million parameters. */
export const demoRecipe: Readonly<Recipe> = {
  ...defaultRecipe,
  rank: 8,
  alpha: 16,
  learningRate: 5e-3,
  schedule: "cosine",
  warmupSteps: 3,
  batchSize: 4,
  gradientAccumulationSteps: 1,
  maxSteps: 60,
  maxLength: 64,
  saveSteps: 10,
};

interface Range {
  min: number;
  max: number;
  integer: boolean;
}

const count = (min: number, max = 1e9): Range => ({ min, max, integer: true });
const real = (min: number, max: number): Range => ({ min, max, integer: false });

/** Accepted values; the page shows them beside each field. */
export const recipeRanges = {
  rank: count(1, 256),
  alpha: real(0.001, 4096),
  dropout: real(0, 0.9),
  learningRate: real(0, 1),
  warmupSteps: real(0, 1e6),
  weightDecay: real(0, 1),
  beta1: real(0, 0.9999),
  beta2: real(0, 0.99999),
  epsilon: real(1e-12, 1e-2),
  maxGradNorm: real(0, 1e6),
  batchSize: count(1, 512),
  gradientAccumulationSteps: count(1, 1024),
  epochs: real(0.01, 1000),
  maxSteps: count(0, 1e6),
  maxLength: count(8, 32768),
  labelSmoothing: real(0, 0.9),
  heldOutRows: count(0, 100_000),
  evalSteps: count(0, 1e6),
  saveSteps: count(0, 1e6),
  saveTotalLimit: count(1, 100),
  reloadEverySteps: count(0, 1e6),
  reloadEveryMinutes: real(0, 1e5),
  reloadAboveBytes: count(0, 2 ** 50),
  seed: count(0, 2 ** 32 - 1),
} as const satisfies Partial<Record<keyof Recipe, Range>>;

/**
 * Parses a JSON recipe over defaults: every key optional, unknown keys refused.
 * @throws UserError "bad-recipe" naming each wrong field and its range
 */
export function parseRecipe(value: unknown, defaults: Readonly<Recipe>, where = "recipe"): Recipe {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badRecipe(["it is not a JSON object"], where);
  }
  const given = value as Record<string, unknown>;
  const faults = Object.entries(given).flatMap(([key, field]) => faultsOf(key, field));
  if (faults.length > 0) {
    throw badRecipe(faults, where);
  }
  return { ...defaults, ...given };
}

function faultsOf(key: string, value: unknown): string[] {
  if (Object.hasOwn(recipeRanges, key)) {
    return numberFaults(key, value, recipeRanges[key as keyof typeof recipeRanges]);
  }
  switch (key) {
    case "targetModules":
      return moduleFaults(value);
    case "schedule":
      return (allSchedules as readonly unknown[]).includes(value)
        ? []
        : [`schedule must be one of ${allSchedules.join(", ")}, not ${shortJson(value)}`];
    case "completionOnly":
    case "packing":
    case "shuffle":
      return typeof value === "boolean" ? [] : [`${key} must be true or false`];
    default:
      return [`there is no option ${JSON.stringify(key)}`];
  }
}

function numberFaults(key: string, value: unknown, range: Range): string[] {
  const fits =
    typeof value === "number" &&
    value >= range.min &&
    value <= range.max &&
    (!range.integer || Number.isInteger(value));
  const kind = range.integer ? "a whole number" : "a number";
  return fits
    ? []
    : [`${key} must be ${kind} from ${range.min} to ${range.max}, not ${shortJson(value)}`];
}

function moduleFaults(value: unknown): string[] {
  if (!Array.isArray(value) || value.length === 0) {
    return ["targetModules must name at least one module"];
  }
  const wrong = value.filter((name) => !(allTargetModules as readonly unknown[]).includes(name));
  const repeated = new Set(value).size < value.length ? ["targetModules repeats a module"] : [];
  return [
    ...repeated,
    ...wrong.map(
      (name) =>
        `${shortJson(name)} is not a target module; known are ${allTargetModules.join(", ")}`,
    ),
  ];
}

function badRecipe(faults: readonly string[], where: string): UserError {
  return new UserError("bad-recipe", `The recipe was not taken: ${faults.join("; ")}.`, {
    where,
    remedy: "Correct these fields and load it again.",
  });
}
