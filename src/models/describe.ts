// Describes a loaded model for the page.
import { recipeModulesOf } from "../adapter/targets.ts";
import type { LoadedModel } from "./loaded-model.ts";
import type { BaseNaming, ModelInfo } from "./facts.ts";

/** By which name PEFT and transformers load the model; the demo has its own. */
export function namingOf({ source, name, hubName, hubGuess }: LoadedModel): BaseNaming {
  return {
    name: source === "demo" ? name : hubName,
    guess: hubGuess,
    isAsked: source === "files" || (source === "hub" && hubName !== name),
  };
}

/** The facts of a loaded model that the page shows. */
export function describeModel(model: LoadedModel): ModelInfo {
  const { config } = model;
  return {
    source: model.source,
    name: model.name,
    revision: model.revision,
    naming: namingOf(model),
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
