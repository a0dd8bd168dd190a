// Reads a PEFT adapter to start a run from: its matrices, with both optimizer moments at zero.
import { adapterShapes } from "../adapter/lora.ts";
import { loraTargets } from "../adapter/targets.ts";
import type { AdapterState } from "../adapter/state.ts";
import { readPeftAdapter } from "../export/peft/read.ts";
import { parseRecipe } from "../recipe/parse.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { UserError } from "../util/errors.ts";
import type { ModelConfig } from "../model/config/model-config.ts";

const configName = "adapter_config.json";
const weightsName = "adapter_model.safetensors";

/**
 * Reads `adapter_config.json` and `adapter_model.safetensors`. The adapter's rank, alpha and target
 * modules replace the recipe's.
 * @throws UserError "no-adapter" when a file is missing, "bad-adapter" or "wrong-shape" when it
 * cannot be trained on
 */
export async function readStartAdapter(
  files: readonly File[],
  config: ModelConfig,
  recipe: Recipe,
): Promise<{ recipe: Recipe; adapter: AdapterState }> {
  const find = (name: string) => {
    const file = files.find((each) => each.name === name);
    if (file === undefined) {
      throw new UserError("no-adapter", "The file is missing.", {
        where: name,
        remedy: `Choose both ${configName} and ${weightsName} of the adapter.`,
      });
    }
    return file;
  };
  const peft = await readPeftAdapter(await find(configName).text(), find(weightsName), weightsName);
  const { rank, alpha, targetModules } = peft;
  const adapted = parseRecipe({ rank, alpha, targetModules }, recipe, configName);
  const expected = adapterShapes(loraTargets(config, adapted), rank);
  const tensors = expected.map(({ name, shape }) => {
    const found = peft.tensors.get(name);
    if (found === undefined || String(found.shape) !== String(shape)) {
      const has = found === undefined ? "is missing" : `is [${found.shape.join(", ")}]`;
      throw new UserError(
        "wrong-shape",
        `The adapter does not fit this model: ${name} ${has}, needed is [${shape.join(", ")}].`,
        { where: weightsName, remedy: "Choose an adapter that was made for this base model." },
      );
    }
    const { values } = found;
    return {
      name,
      shape,
      values,
      moment1: new Float32Array(values.length),
      moment2: new Float32Array(values.length),
    };
  });
  if (peft.tensors.size > tensors.length) {
    throw new UserError(
      "wrong-shape",
      `The adapter has ${peft.tensors.size} tensors, but this model with these modules needs ${tensors.length}.`,
      { where: weightsName, remedy: "Choose an adapter that was made for this base model." },
    );
  }
  return { recipe: adapted, adapter: { tensors } };
}
