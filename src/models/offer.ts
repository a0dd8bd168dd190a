// Prices a model before its weights are read: the bytes of a run in each format, and which formats
// fit on this device.
import { defaultBudgetBytes } from "../engine/webgpu/engine.ts";
import type { OpenedModel } from "../model/open.ts";
import { choicesFor, formatName, formatWords } from "../model/weights/choice.ts";
import { weightShapes } from "../model/weights/store.ts";
import type { FileSet } from "../sources/files.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { bytesTaken, streamedBytesTaken } from "../engine/run-bytes.ts";
import { bestOf, fitOf, fitWords, type FormatCandidate, type NamedFit } from "./fit.ts";
import type { MemoryProbe } from "./memory-probe.ts";
import type { DeviceInfo, ModelOffer } from "./facts.ts";

export interface OfferParts {
  id: number;
  set: FileSet;
  model: OpenedModel;
  recipe: Recipe;
  device: DeviceInfo;
}

/** The offer of a model in every format that its weights can have. */
export async function offerOf(
  { id, set, model, recipe, device }: OfferParts,
  memory: MemoryProbe,
): Promise<ModelOffer> {
  const candidates = choicesFor(model.tensors).map((choice) => ({
    format: formatName(choice),
    label: formatWords(choice),
    ...formatCandidate(model, weightShapes(model.config, choice, model.tensors), recipe, device),
  }));
  // The bytes of a run without memory limits. f32 is for a few models only and not worth a trial.
  const tried = candidates.filter(({ format }) => format !== "f32");
  const wanted = Math.max(...tried.map(({ bytesOf, shape }) => bytesOf(shape, defaultBudgetBytes)));
  const allowed = await memory.upTo(wanted, device.backend);
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
    streams: fit.streamed !== null,
    words: fitWords(fit, without(fits, fit), allowed),
  }));
  return {
    id,
    name: model.name,
    revision: set.revision ?? null,
    licence: model.licence,
    architecture: model.config.architecture,
    parameters: model.parameters,
    dtype: model.dtype,
    downloadBytes: set.source === "hub" ? weightBytesOf(set, model) : 0,
    formats,
    suggested: suggestionOf(fits),
  };
}

function formatCandidate(
  { config }: OpenedModel,
  shapes: FormatCandidate["shapes"],
  recipe: Recipe,
  { engine }: DeviceInfo,
): FormatCandidate {
  const contextLength = config.maxPositionEmbeddings;
  const shape = { rows: recipe.batchSize, length: Math.min(recipe.maxLength, contextLength) };
  return {
    ...{ shapes, shape, contextLength },
    bytesOf: bytesTaken(config, shapes, recipe, engine),
    streamedBytesOf: streamedBytesTaken(config, shapes, recipe, engine),
  };
}

/** The stored format where it fits. f32, for models beyond the range of f16, is never suggested. */
function suggestionOf(fits: readonly (NamedFit & { format: string })[]): string {
  const stored = fits.find(({ format }) => format === "stored");
  const smaller = fits.filter(({ format }) => format !== "f32");
  return stored?.fits === true ? "stored" : (bestOf(smaller)?.format ?? "stored");
}

function without<T extends NamedFit>(fits: readonly T[], one: T): T[] {
  return fits.filter((other) => other !== one);
}

/** Bytes of the files to download; the small ones were read to make the offer. */
function weightBytesOf({ files }: FileSet, { weightFiles }: OpenedModel): number {
  return weightFiles.reduce((sum, name) => sum + (files.get(name)?.sizeBytes ?? 0), 0);
}
