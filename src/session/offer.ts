// Prices a model before its weights are read: what a run takes in each format, and which of them fit this device.
import { estimateBytes } from "../engine/tfjs/estimate.ts";
import { planBytes } from "../engine/webgpu/budget.ts";
import type { BaseModel } from "../model/open.ts";
import type { FileSet } from "../sources/files.ts";
import type { Recipe } from "../train/recipe.ts";
import { bestOf, fitOf, fitWords, type Candidate, type NamedFit } from "./fit.ts";
import { engineFor } from "./plan.ts";
import type { DeviceInfo, ModelOffer } from "./protocol.ts";
import type { RoomFinder } from "./room.ts";

export interface Priced {
  id: number;
  set: FileSet;
  model: BaseModel;
  recipe: Recipe;
  device: DeviceInfo;
}

export async function offerOf(
  { id, set, model, recipe, device }: Priced,
  room: RoomFinder,
): Promise<ModelOffer> {
  const candidates = [
    { format: "stored", label: "as stored", ...candidateOf(model, recipe, device) },
  ];
  const wanted = Math.max(...candidates.map(({ takes, shape }) => takes(shape, Infinity)));
  const allowed = await room.upTo(wanted, device.backend);
  const fits = candidates.map(({ format, label, ...candidate }) => ({
    format,
    label,
    ...fitOf(candidate, allowed),
  }));
  const formats = fits.map((fit) => ({
    format: fit.format,
    label: fit.label,
    weightsBytes: fit.weightsBytes,
    neededBytes: fit.neededBytes,
    fits: fit.fits,
    words: fitWords(fit, without(fits, fit), allowed),
  }));
  return {
    id,
    name: model.name,
    revision: set.revision ?? null,
    licence: set.licence ?? null,
    architecture: model.config.architecture,
    parameters: model.parameters,
    dtype: model.dtype,
    downloadBytes: set.source === "hub" ? bytesOf(set) : 0,
    formats,
    suggested: bestOf(fits)?.format ?? "stored",
  };
}

function candidateOf(model: BaseModel, recipe: Recipe, { engine }: DeviceInfo): Candidate {
  const { config, weights } = model;
  const contextLength = config.maxPositionEmbeddings;
  const shape = { rows: recipe.batchSize, length: Math.min(recipe.maxLength, contextLength) };
  const weightShapes = weights.shapes;
  const hasObjective = recipe.labelSmoothing > 0;
  const takes: Candidate["takes"] =
    engineFor(engine, model) === "tfjs"
      ? (shape) => estimateBytes(config, recipe, shape)
      : (shape, budgetBytes) =>
          planBytes({ config, lora: recipe, shape, weightShapes, hasObjective }, budgetBytes)
            .totalBytes;
  return { shapes: weightShapes, shape, contextLength, takes };
}

function without<T extends NamedFit>(fits: readonly T[], one: T): T[] {
  return fits.filter((other) => other !== one);
}

function bytesOf({ files }: FileSet): number {
  return [...files.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
