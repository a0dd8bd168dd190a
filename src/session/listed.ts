// The models that train well here, priced by their sizes alone: nothing is asked of any server.
import { planBytes } from "../engine/webgpu/budget.ts";
import { parseModelSizes } from "../model/config.ts";
import { weightShapes, type WeightChoice } from "../model/weight-store.ts";
import { catalogue, type CatalogueModel } from "../sources/catalogue.ts";
import type { Recipe } from "../train/recipe.ts";
import { modulesOf } from "./library.ts";
import type { ListedModel } from "./protocol.ts";

export function listedModels(recipe: Recipe): ListedModel[] {
  return catalogue.map((entry) => {
    const { name, licence, isGated, parameters, downloadBytes } = entry;
    const neededBytes = neededFor(entry, recipe);
    return { name, licence, isGated, parameters, downloadBytes, neededBytes };
  });
}

function neededFor({ config: fields }: CatalogueModel, recipe: Recipe): number {
  const config = parseModelSizes(JSON.stringify(fields));
  const length = Math.min(recipe.maxLength, config.maxPositionEmbeddings);
  return planBytes(
    {
      config,
      lora: { ...recipe, targetModules: modulesOf(config) },
      shape: { rows: recipe.batchSize, length },
      weightShapes: weightShapes(config, storedChoice(fields)),
    },
    0, // the least that it can do with
  ).totalBytes;
}

/** As the files of the list are kept: f16 for bf16, or MLX's groups. */
function storedChoice({ quantization }: CatalogueModel["config"]): WeightChoice {
  const { bits, group_size: groupSize } = (quantization ?? {}) as Record<string, number>;
  return bits === 4 && groupSize !== undefined ? { format: "q4", groupSize } : { format: "f16" };
}
