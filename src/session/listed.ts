// The models that train well here, priced by their sizes alone: nothing is asked of any server.
import { planBytes } from "../engine/webgpu/budget.ts";
import { parseModelSizes } from "../model/config.ts";
import { weightShapes, type WeightChoice } from "../model/weight-store.ts";
import { catalogue, type CatalogueModel } from "../sources/catalogue.ts";
import type { Recipe } from "../train/recipe.ts";
import { modulesOf } from "./library.ts";
import { oversizedOf } from "./fit.ts";
import type { DeviceInfo, ListedModel } from "./protocol.ts";
import type { RoomFinder } from "./room.ts";

/** Each with whether it fits this device; memory is tried up to the largest of them. */
export async function listedModels(
  recipe: Recipe,
  room: RoomFinder,
  { backend }: DeviceInfo,
): Promise<ListedModel[]> {
  const priced = catalogue.map((entry) => ({ entry, ...priceOf(entry, recipe) }));
  const allowed = await room.upTo(
    Math.max(...priced.map(({ neededBytes }) => neededBytes)),
    backend,
  );
  return priced.map(({ entry, neededBytes, shapes }) => {
    const { name, licence, isGated, parameters, downloadBytes } = entry;
    const fits =
      neededBytes <= allowed.totalBytes && oversizedOf(shapes, allowed.bindingBytes) === null;
    return { name, licence, isGated, parameters, downloadBytes, neededBytes, fits };
  });
}

/** The least that a run can do with. */
function priceOf({ config: fields }: CatalogueModel, recipe: Recipe) {
  const config = parseModelSizes(JSON.stringify(fields));
  const length = Math.min(recipe.maxLength, config.maxPositionEmbeddings);
  const shapes = weightShapes(config, storedChoice(fields));
  const lora = { ...recipe, targetModules: modulesOf(config) };
  const shape = { rows: recipe.batchSize, length };
  const { totalBytes } = planBytes({ config, lora, shape, weightShapes: shapes }, 0);
  return { neededBytes: totalBytes, shapes };
}

/** As the files of the list are kept: f16 for bf16, or MLX's groups. */
function storedChoice({ quantization }: CatalogueModel["config"]): WeightChoice {
  const { bits, group_size: groupSize } = (quantization ?? {}) as Record<string, number>;
  return bits === 4 && groupSize !== undefined ? { format: "q4", groupSize } : { format: "f16" };
}
