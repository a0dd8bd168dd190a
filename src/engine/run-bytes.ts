// The device bytes of a run by engine: the one estimate behind the plan, the offers and the list.
import { estimateBytes } from "./tfjs/estimate.ts";
import { chooseMemory, planBytes } from "./webgpu/budget.ts";
import type { MemoryChoice } from "./webgpu/memory-choice.ts";
import { defaultBudgetBytes } from "./webgpu/engine.ts";
import { isSupported } from "./webgpu/model-tensors.ts";
import type { BaseModel } from "../model/open.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { WeightShape } from "../model/weight-format/format.ts";
import type { BatchShape, EngineName } from "./contract.ts";
import type { EnginePlan } from "./engine-plan.ts";
import type { ModelConfig } from "../model/config/model-config.ts";

/** The compiled engine where it is chosen and has kernels for the model, else the reference. */
export function engineFor(chosen: EngineName, { config }: Pick<BaseModel, "config">): EngineName {
  return chosen === "webgpu" && isSupported(config) ? "webgpu" : "tfjs";
}

/**
 * Bytes of a run as a function of micro-batch shape and budget. The compiled engine tries to stay
 * within the budget, and within its own default where that is smaller.
 * @param weightShapes in the weight format; the reference engine holds all weights as f32
 * @param chosen engine; the reference is used where `engineFor` says so
 * @param isWeighted whether the rows of the data set have weights
 */
export function bytesTaken(
  config: ModelConfig,
  weightShapes: ReadonlyMap<string, WeightShape>,
  recipe: Recipe,
  chosen: EngineName,
  isWeighted = false,
): (shape: BatchShape, budgetBytes: number) => number {
  if (engineFor(chosen, { config }) === "tfjs") {
    return (shape) => estimateBytes(config, recipe, shape);
  }
  const hasObjective = recipe.labelSmoothing > 0;
  return (shape, budgetBytes) =>
    planBytes(
      { config, lora: recipe, shape, weightShapes, hasObjective, isWeighted },
      Math.min(budgetBytes, defaultBudgetBytes),
    ).totalBytes;
}

/**
 * The least bytes of a run whose layers are streamed from this browser's storage.
 * @returns null where they cannot be: on the reference engine, or with an objective in tfjs ops
 */
export function streamedBytesTaken(
  config: ModelConfig,
  weightShapes: ReadonlyMap<string, WeightShape>,
  recipe: Recipe,
  chosen: EngineName,
): ((shape: BatchShape) => number) | null {
  if (engineFor(chosen, { config }) === "tfjs" || recipe.labelSmoothing > 0) {
    return null;
  }
  return (shape) =>
    planBytes({ config, lora: recipe, shape, weightShapes, canStream: true }, 0).totalBytes;
}

/** What the compiled engine chooses for a plan where memory allows; null for the reference. */
export function memoryChoiceOf({
  engine,
  model: { config, weights },
  lora,
  shape,
  labelSmoothing,
  isWeighted,
}: Pick<
  EnginePlan,
  "engine" | "model" | "lora" | "shape" | "labelSmoothing" | "isWeighted"
>): MemoryChoice | null {
  if (engine === "tfjs") {
    return null;
  }
  const hasObjective = labelSmoothing > 0;
  const weightShapes = weights.shapes;
  const options = { config, lora, shape, weightShapes, hasObjective, isWeighted };
  return chooseMemory(options, defaultBudgetBytes);
}
