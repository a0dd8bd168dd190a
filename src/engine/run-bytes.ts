// What a run takes of its device, by the engine that it would run on: for the plan, the offer and
// the list alike.
import { estimateBytes } from "./tfjs/estimate.ts";
import { planBytes } from "./webgpu/budget.ts";
import { defaultBudgetBytes } from "./webgpu/engine.ts";
import { isSupported } from "./webgpu/model-tensors.ts";
import type { BaseModel } from "../model/open.ts";
import type { Recipe } from "../recipe/recipe.ts";
import type { WeightShape } from "../model/weight-format/format.ts";
import type { BatchShape, EngineName } from "./contract.ts";
import type { ModelConfig } from "../model/config/model-config.ts";

/** The compiled engine where it has kernels for the model, else the reference. */
export function engineFor(chosen: EngineName, { config }: Pick<BaseModel, "config">): EngineName {
  return chosen === "webgpu" && isSupported(config) ? "webgpu" : "tfjs";
}

/**
 * Bytes by the shape of a micro-batch and a budget, which the compiled engine tries to stay within.
 * It never goes beyond its own, however much a device has.
 * @param weightShapes as a format keeps them; the reference engine keeps them all as f32
 * @param chosen the engine that was asked for
 */
export function bytesTaken(
  config: ModelConfig,
  weightShapes: ReadonlyMap<string, WeightShape>,
  recipe: Recipe,
  chosen: EngineName,
): (shape: BatchShape, budgetBytes: number) => number {
  if (engineFor(chosen, { config }) === "tfjs") {
    return (shape) => estimateBytes(config, recipe, shape);
  }
  const hasObjective = recipe.labelSmoothing > 0;
  return (shape, budgetBytes) =>
    planBytes(
      { config, lora: recipe, shape, weightShapes, hasObjective },
      Math.min(budgetBytes, defaultBudgetBytes),
    ).totalBytes;
}
