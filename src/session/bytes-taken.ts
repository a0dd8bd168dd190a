// What a run takes of its device, by the engine that it would run on: for the plan, the offer and the list alike.
import { estimateBytes } from "../engine/tfjs/estimate.ts";
import { planBytes } from "../engine/webgpu/budget.ts";
import { defaultBudgetBytes } from "../engine/webgpu/engine.ts";
import { isSupported } from "../engine/webgpu/network.ts";
import type { ModelConfig } from "../model/config.ts";
import type { BaseModel } from "../model/open.ts";
import type { Recipe } from "../train/recipe.ts";
import type { Candidate } from "./fit.ts";
import type { EngineName } from "./protocol.ts";

/** The compiled engine where it has kernels for the model, else the reference. */
export function engineFor(chosen: EngineName, { config }: Pick<BaseModel, "config">): EngineName {
  return chosen === "webgpu" && isSupported(config) ? "webgpu" : "tfjs";
}

/**
 * Bytes by the shape of a micro-batch and a budget, which the compiled engine tries to stay within. It never goes beyond its
 * own, however much a device has.
 * @param weightShapes as a format keeps them; the reference engine keeps them all as f32
 * @param chosen the engine that was asked for
 */
export function bytesTaken(
  config: ModelConfig,
  weightShapes: Candidate["shapes"],
  recipe: Recipe,
  chosen: EngineName,
): Candidate["takes"] {
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
