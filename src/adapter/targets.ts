// Target modules: which linear layers of a model get an adapter, and PEFT's names of its matrices.
import type { ModelConfig } from "../model/config/model-config.ts";
import { linearsOfLayer, targetModulesOf } from "../model/tensors.ts";
import { allTargetModules, type TargetModule } from "../recipe/options.ts";

/** One adapted linear layer: its output gains `scaling * B(A(x))`. */
export interface LoraTarget {
  /** Module path in the base model. */
  module: string;
  inFeatures: number;
  outFeatures: number;
  /** PEFT's name of loraA `[rank, in]`. */
  nameA: string;
  /** PEFT's name of loraB `[out, rank]`. */
  nameB: string;
}

/**
 * The adapted layers: decoder layer by decoder layer, in forward order within each. A layer matches
 * where `targetModules` has the last part of its path, as a list does in PEFT
 * (peft/tuners/tuners_utils.py, check_target_module_exists); names that the model lacks match
 * nothing.
 */
export function loraTargets(
  config: ModelConfig,
  { targetModules }: { targetModules: readonly string[] },
): LoraTarget[] {
  const layers = Array.from({ length: config.numHiddenLayers }, (_, layer) => layer);
  return layers
    .flatMap((layer) => linearsOfLayer(config, layer))
    .filter(({ target }) => targetModules.includes(target))
    .map(({ module, inFeatures, outFeatures }) => ({
      module,
      inFeatures,
      outFeatures,
      nameA: `base_model.model.${module}.lora_A.weight`,
      nameB: `base_model.model.${module}.lora_B.weight`,
    }));
}

/** The target modules of a model that a recipe can name, in the recipe's order. */
export function recipeModulesOf(config: ModelConfig): TargetModule[] {
  const present = targetModulesOf(config);
  return allTargetModules.filter((name) => present.includes(name));
}

/** Values that are trained, over all targets. */
export function countTrainable(targets: readonly LoraTarget[], rank: number): number {
  return targets.reduce((sum, target) => sum + rank * (target.inFeatures + target.outFeatures), 0);
}
