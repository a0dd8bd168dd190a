// Prices the models of the catalogue by their sizes alone, without a request to any server.
import { parseModelSizes } from "../model/config/parse.ts";
import { packedChoices } from "../model/weights/choice.ts";
import { weightShapes, type WeightChoice } from "../model/weights/store.ts";
import { catalogue, type CatalogueModel } from "../sources/catalogue.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { bytesTaken, streamedBytesTaken } from "../engine/run-bytes.ts";
import { oversizedOf, type FormatCandidate } from "./fit.ts";
import type { MemoryProbe } from "./memory-probe.ts";
import type { DeviceInfo, ListedModel } from "./facts.ts";
import type { EngineName } from "../engine/contract.ts";
import { recipeModulesOf } from "../adapter/targets.ts";

interface CataloguePrice extends Pick<ListedModel, "format" | "neededBytes"> {
  shapes: FormatCandidate["shapes"];
  /** With streamed layers; Infinity where they cannot be. */
  streamedBytes: () => number;
}

/**
 * The models of the catalogue, each in the first format that fits on this device, or else the
 * smallest. The device's memory is tried up to the largest of them.
 */
export async function listedModels(
  recipe: Recipe,
  memory: MemoryProbe,
  { backend, engine }: DeviceInfo,
): Promise<ListedModel[]> {
  const stored: { entry: CatalogueModel; price: CataloguePrice }[] = [];
  for (const entry of catalogue) {
    const price = priceOf(entry, storedChoice(entry), recipe, engine);
    stored.push({ entry, price: { ...price, format: null } });
    await new Promise((resolve) => setTimeout(resolve)); // so that other calls are answered
  }
  const largest = Math.max(...stored.map(({ price }) => price.neededBytes));
  const allowed = await memory.upTo(largest, backend);
  const fits = ({ neededBytes, shapes }: CataloguePrice) =>
    neededBytes <= allowed.totalBytes && oversizedOf(shapes, allowed.bindingBytes) === null;
  return stored.map(({ entry, price }) => {
    const { name, licence, isGated, parameters, downloadBytes } = entry;
    let found = price;
    for (const choice of isPacked(entry) ? [] : packedChoices) {
      const packed = fits(found) ? found : priceOf(entry, choice, recipe, engine);
      // The reference engine unpacks them all.
      found = packed.neededBytes < found.neededBytes ? packed : found;
    }
    const isResident = fits(found);
    const streamed = isResident ? found : { ...found, neededBytes: found.streamedBytes() };
    const streams = !isResident && fits(streamed);
    const { format, neededBytes } = streams ? streamed : found;
    const size = { parameters, downloadBytes, format, neededBytes, fits: isResident, streams };
    return { name, licence, isGated, ...size };
  });
}

/** The price at the smallest memory choice. */
function priceOf(
  { config: fields }: CatalogueModel,
  choice: WeightChoice,
  recipe: Recipe,
  engine: EngineName,
): CataloguePrice {
  const config = parseModelSizes(JSON.stringify(fields));
  const length = Math.min(recipe.maxLength, config.maxPositionEmbeddings);
  const shapes = weightShapes(config, choice);
  const ownRecipe = { ...recipe, targetModules: recipeModulesOf(config) };
  const shape = { rows: recipe.batchSize, length };
  return {
    format: choice.format,
    neededBytes: bytesTaken(config, shapes, ownRecipe, engine)(shape, 0),
    streamedBytes: () => streamedBytesTaken(config, shapes, ownRecipe, engine)?.(shape) ?? Infinity,
    shapes,
  };
}

function isPacked({ config }: CatalogueModel): boolean {
  return config["quantization"] !== undefined;
}

/** The stored format of a listed model: f16 for bf16, or MLX's groups of four bits. */
function storedChoice(entry: CatalogueModel): WeightChoice {
  const { group_size: groupSize } = (entry.config["quantization"] ?? {}) as Record<string, number>;
  return groupSize === undefined ? { format: "f16" } : { format: "q4", groupSize };
}
