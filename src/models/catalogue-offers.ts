// The models that train well here, priced by their sizes alone: nothing is asked of any server.
import { parseModelSizes } from "../model/config/parse.ts";
import { packedChoices } from "../model/weights/choice.ts";
import { weightShapes, type WeightChoice } from "../model/weights/store.ts";
import { catalogue, type CatalogueModel } from "../sources/catalogue.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { bytesTaken } from "../engine/run-bytes.ts";
import { oversizedOf, type FormatCandidate } from "./fit.ts";
import type { MemoryProbe } from "./memory-probe.ts";
import type { DeviceInfo, ListedModel } from "./facts.ts";
import type { EngineName } from "../engine/contract.ts";
import { recipeModulesOf } from "../adapter/targets.ts";

interface Price extends Pick<ListedModel, "format" | "neededBytes"> {
  shapes: FormatCandidate["shapes"];
}

/**
 * Each in the first format that fits this device, or else the last; memory is tried up to the
 * largest of them.
 */
export async function listedModels(
  recipe: Recipe,
  memory: MemoryProbe,
  { backend, engine }: DeviceInfo,
): Promise<ListedModel[]> {
  const stored: { entry: CatalogueModel; price: Price }[] = [];
  for (const entry of catalogue) {
    const price = priceOf(entry, storedChoice(entry), recipe, engine);
    stored.push({ entry, price: { ...price, format: null } });
    await new Promise((resolve) => setTimeout(resolve)); // the page wants answers meanwhile
  }
  const largest = Math.max(...stored.map(({ price }) => price.neededBytes));
  const allowed = await memory.upTo(largest, backend);
  const fits = ({ neededBytes, shapes }: Price) =>
    neededBytes <= allowed.totalBytes && oversizedOf(shapes, allowed.bindingBytes) === null;
  return stored.map(({ entry, price }) => {
    const { name, licence, isGated, parameters, downloadBytes } = entry;
    let found = price;
    for (const choice of isPacked(entry) ? [] : packedChoices) {
      const packed = fits(found) ? found : priceOf(entry, choice, recipe, engine);
      // The reference engine unpacks them all.
      found = packed.neededBytes < found.neededBytes ? packed : found;
    }
    const { format, neededBytes } = found;
    const size = { parameters, downloadBytes, format, neededBytes, fits: fits(found) };
    return { name, licence, isGated, ...size };
  });
}

/** The least that a run can do with. */
function priceOf(
  { config: fields }: CatalogueModel,
  choice: WeightChoice,
  recipe: Recipe,
  engine: EngineName,
): Price {
  const config = parseModelSizes(JSON.stringify(fields));
  const length = Math.min(recipe.maxLength, config.maxPositionEmbeddings);
  const shapes = weightShapes(config, choice);
  const ownRecipe = { ...recipe, targetModules: recipeModulesOf(config) };
  const takes = bytesTaken(config, shapes, ownRecipe, engine);
  return {
    format: choice.format,
    neededBytes: takes({ rows: recipe.batchSize, length }, 0),
    shapes,
  };
}

function isPacked({ config }: CatalogueModel): boolean {
  return config["quantization"] !== undefined;
}

/** As the files of the list are kept: f16 for bf16, or MLX's groups of four bits. */
function storedChoice(entry: CatalogueModel): WeightChoice {
  const { group_size: groupSize } = (entry.config["quantization"] ?? {}) as Record<string, number>;
  return groupSize === undefined ? { format: "f16" } : { format: "q4", groupSize };
}
