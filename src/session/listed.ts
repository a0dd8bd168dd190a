// The models that train well here, priced by their sizes alone: nothing is asked of any server.
import { planBytes } from "../engine/webgpu/budget.ts";
import { parseModelSizes } from "../model/config.ts";
import { packedChoices } from "../model/weight-choice.ts";
import { weightShapes, type WeightChoice } from "../model/weight-store.ts";
import { catalogue, type CatalogueModel } from "../sources/catalogue.ts";
import type { Recipe } from "../train/recipe.ts";
import { modulesOf } from "./library.ts";
import { oversizedOf, type Candidate } from "./fit.ts";
import type { DeviceInfo, ListedModel } from "./protocol.ts";
import type { RoomFinder } from "./room.ts";

interface Price extends Pick<ListedModel, "format" | "neededBytes"> {
  shapes: Candidate["shapes"];
}

/** Each in the first format that fits this device, or else the last; memory is tried up to the largest of them. */
export async function listedModels(
  recipe: Recipe,
  room: RoomFinder,
  { backend }: DeviceInfo,
): Promise<ListedModel[]> {
  const stored: { entry: CatalogueModel; price: Price }[] = [];
  for (const entry of catalogue) {
    const price = priceOf(entry, storedChoice(entry), recipe);
    stored.push({ entry, price: { ...price, format: null } });
    await new Promise((resolve) => setTimeout(resolve)); // the page wants answers meanwhile
  }
  const largest = Math.max(...stored.map(({ price }) => price.neededBytes));
  const allowed = await room.upTo(largest, backend);
  const fits = ({ neededBytes, shapes }: Price) =>
    neededBytes <= allowed.totalBytes && oversizedOf(shapes, allowed.bindingBytes) === null;
  return stored.map(({ entry, price }) => {
    const { name, licence, isGated, parameters, downloadBytes } = entry;
    let found = price;
    for (const choice of isPacked(entry) ? [] : packedChoices) {
      found = fits(found) ? found : priceOf(entry, choice, recipe);
    }
    const { format, neededBytes } = found;
    const size = { parameters, downloadBytes, format, neededBytes, fits: fits(found) };
    return { name, licence, isGated, ...size };
  });
}

/** The least that a run can do with. */
function priceOf({ config: fields }: CatalogueModel, choice: WeightChoice, recipe: Recipe): Price {
  const config = parseModelSizes(JSON.stringify(fields));
  const length = Math.min(recipe.maxLength, config.maxPositionEmbeddings);
  const shapes = weightShapes(config, choice);
  const lora = { ...recipe, targetModules: modulesOf(config) };
  const shape = { rows: recipe.batchSize, length };
  const { totalBytes } = planBytes({ config, lora, shape, weightShapes: shapes }, 0);
  return { format: choice.format, neededBytes: totalBytes, shapes };
}

function isPacked({ config }: CatalogueModel): boolean {
  return config["quantization"] !== undefined;
}

/** As the files of the list are kept: f16 for bf16, or MLX's groups of four bits. */
function storedChoice(entry: CatalogueModel): WeightChoice {
  const { group_size: groupSize } = (entry.config["quantization"] ?? {}) as Record<string, number>;
  return groupSize === undefined ? { format: "f16" } : { format: "q4", groupSize };
}
