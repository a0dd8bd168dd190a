// Describes a loaded model for the page.
import { recipeModulesOf } from "../adapter/targets.ts";
import type { LoadedModel } from "./loaded-model.ts";
import type { ModelInfo } from "./facts.ts";

/** The facts of a loaded model that the page shows. */
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
    targetModules: recipeModulesOf(model.config),
    format: model.format,
    conversionError: model.conversionError,
  };
}
