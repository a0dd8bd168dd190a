// Describes a loaded model for the page.
import type { ModelConfig } from "../model/config/model-config.ts";
import type { TargetModule } from "../recipe/options.ts";
import { targetModulesOf } from "../model/tensors.ts";
import { allTargetModules } from "../recipe/options.ts";
import type { LoadedModel } from "./loaded-model.ts";
import type { ModelInfo } from "./facts.ts";

/** Target modules that a recipe can name. */
export function modulesOf(config: ModelConfig): TargetModule[] {
  const present = targetModulesOf(config);
  return allTargetModules.filter((name) => present.includes(name));
}

export function describeModel(model: LoadedModel): ModelInfo {
  const { config } = model;
  return {
    source: model.source,
    name: model.name,
    revision: model.revision,
    licence: model.licence,
    architecture: config.architecture,
    parameters: model.parameters,
    sizeBytes: model.sizeBytes,
    dtype: model.dtype,
    layers: config.numHiddenLayers,
    hiddenSize: config.hiddenSize,
    vocabSize: config.vocabSize,
    contextLength: config.maxPositionEmbeddings,
    targetModules: modulesOf(model.config),
    format: model.format,
    conversionError: model.conversionError,
  };
}
