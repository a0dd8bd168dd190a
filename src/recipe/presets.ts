// Three presets of a recipe for a model and its data: rates by the size of the model, epochs and
// batch by the number of rows, max length by the longest row. The demo has its own.
import type { TargetModule } from "./options.ts";
import { defaultRecipe, demoRecipe, type Recipe } from "./recipe.ts";

export const presetNames = ["Quick", "Balanced", "Thorough"] as const;
export type PresetName = (typeof presetNames)[number];
export type Presets = Readonly<Record<PresetName, Recipe>>;

/** What presets are derived from. */
export interface PresetFacts {
  /** The demo's data on the demo's model; anything else is the visitor's own. */
  isDemo: boolean;
  /** Of the base model. */
  parameters: number;
  /** Of the model, in tokens. */
  contextLength: number;
  targetModules: readonly TargetModule[];
  /** Usable rows, those to be held out too. */
  rows: number;
  /** Tokens of the longest row before any cut; null where texts become windows of any length. */
  longestRow: number | null;
}

/** Rows are cut beyond this: each batch is as long as the longest row, and memory grows with it. */
const longestFitted = 1024;
const lengthStep = 64;

/** Epochs of each preset for data of fewer rows than `below`: few rows need more passes. */
export const epochsByRows: readonly { below: number; epochs: Record<PresetName, number> }[] = [
  { below: 20, epochs: { Quick: 10, Balanced: 20, Thorough: 30 } },
  { below: 50, epochs: { Quick: 5, Balanced: 10, Thorough: 20 } },
  { below: 200, epochs: { Quick: 3, Balanced: 5, Thorough: 10 } },
  { below: 1000, epochs: { Quick: 1, Balanced: 3, Thorough: 5 } },
  { below: 10_000, epochs: { Quick: 1, Balanced: 2, Thorough: 3 } },
  { below: Infinity, epochs: { Quick: 0.5, Balanced: 1, Thorough: 2 } },
];

/** A run of more steps ends here: what LoRA learns of so many rows, it has learned by then. */
export const mostSteps: Record<PresetName, number> = {
  Quick: 500,
  Balanced: 5000,
  Thorough: 20_000,
};

/** The recipe of each preset. */
export function presetsFor(facts: PresetFacts): Presets {
  const recipeOf = (name: PresetName) =>
    facts.isDemo ? demoPresets[name] : ownRecipe(name, facts);
  const of = (name: PresetName) =>
    structuredClone({ ...recipeOf(name), targetModules: [...facts.targetModules] });
  return { Quick: of("Quick"), Balanced: of("Balanced"), Thorough: of("Thorough") };
}

/** The presets of the demo: steps, lengths and rates that its few rows and its model need. */
export const demoPresets: Presets = {
  Quick: { ...demoRecipe, rank: 4, alpha: 8, maxSteps: 30 },
  Balanced: { ...demoRecipe },
  Thorough: { ...demoRecipe, rank: 16, alpha: 32, maxSteps: 120, learningRate: 3e-3 },
};

function ownRecipe(name: PresetName, facts: PresetFacts): Recipe {
  const { parameters, contextLength, rows, longestRow } = facts;
  const learningRate = learningRateFor(parameters);
  const rank = parameters < 1e7 ? 8 : 16;
  const batchSize = Math.max(1, Math.min(defaultRecipe.batchSize, Math.ceil(rows / 4)));
  const gradientAccumulationSteps = rows < 200 ? 1 : 2;
  const epochs = epochsFor(name, rows);
  const steps = (epochs * rows) / (batchSize * gradientAccumulationSteps);
  const own: Recipe = {
    ...defaultRecipe,
    rank,
    alpha: 2 * rank,
    learningRate,
    batchSize,
    gradientAccumulationSteps,
    epochs,
    maxSteps: steps > mostSteps[name] ? mostSteps[name] : 0,
    maxLength: Math.min(contextLength, fittedLength(longestRow ?? longestFitted)),
  };
  switch (name) {
    case "Quick":
      return { ...own, rank: rank / 2, alpha: rank };
    case "Balanced":
      return own;
    case "Thorough": {
      const wider = { rank: 2 * rank, alpha: 4 * rank, dropout: 0.05 };
      return { ...own, ...wider, learningRate: roundedRate(learningRate / 2) };
    }
  }
}

/**
 * 5e-3 for the million parameters of the demo's model, where it was tried; 2e-4, TRL's and
 * Unsloth's usual rate for LoRA, from a hundred million on; a fifth for each tenfold in between.
 */
function learningRateFor(parameters: number): number {
  const tenfolds = Math.min(2, Math.max(0, Math.log10(parameters / 1e6)));
  return roundedRate(5e-3 / 5 ** tenfolds);
}

/** One significant digit: a rate that can be read and typed. */
function roundedRate(rate: number): number {
  return Number(rate.toPrecision(1));
}

function epochsFor(name: PresetName, rows: number): number {
  const fitting = epochsByRows.find(({ below }) => rows < below);
  return fitting?.epochs[name] ?? 1;
}

function fittedLength(longestRow: number): number {
  const whole = Math.ceil(Math.max(1, longestRow) / lengthStep) * lengthStep;
  return Math.min(longestFitted, whole);
}
