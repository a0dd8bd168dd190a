// Reads an adapter to start a run from, of PEFT or MLX: its matrices, made uniform over the model's
// targets, with both optimizer moments at zero.
import { loraTargets, type LoraTarget } from "../adapter/targets.ts";
import type { AdapterState } from "../adapter/state.ts";
import { uniformAdapter, type UniformAdapter } from "../adapter/uniform.ts";
import type { ForeignAdapter } from "../export/foreign-adapter.ts";
import { isMlxConfig, readMlxAdapter } from "../export/mlx/read.ts";
import { readPeftAdapter } from "../export/peft/read.ts";
import type { ModelConfig } from "../model/config/model-config.ts";
import { allTargetModules } from "../recipe/options.ts";
import { parseRecipe } from "../recipe/parse.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { UserError } from "../util/errors.ts";
import { formatCountOf, shortList } from "../util/format.ts";

const configName = "adapter_config.json";
/** Weights of PEFT and of MLX. */
const [peftName, mlxName] = ["adapter_model.safetensors", "adapters.safetensors"] as const;

export interface StartAdapter {
  /** With the adapter's rank, alpha and target modules. */
  recipe: Recipe;
  adapter: AdapterState;
  /** What was made uniform, and what the files name in vain, a sentence each. */
  words: string[];
}

/**
 * Reads `adapter_config.json` and the weights beside it. The adapter's rank, alpha and target
 * modules replace the recipe's.
 * @throws UserError "no-adapter" when a file is missing, "bad-adapter" or "wrong-shape" when it
 * cannot be trained on, "bad-recipe" for a rank or alpha out of range
 */
export async function readStartAdapter(
  files: readonly File[],
  config: ModelConfig,
  recipe: Recipe,
): Promise<StartAdapter> {
  const { foreign, weightsName } = await readFiles(files);
  refuseMisfits(foreign, config, weightsName);
  const targetModules = allTargetModules.filter((name) =>
    [...foreign.pairs.keys()].some((path) => path.endsWith(`.${name}`)),
  );
  const targets = loraTargets(config, { targetModules });
  const uniform = uniformAdapter(foreign.pairs, targets);
  const { rank, alpha, adapter } = uniform;
  return {
    recipe: parseRecipe({ rank, alpha, targetModules }, recipe, configName),
    adapter,
    words: [...foreign.words, ...wordsOf(uniform)],
  };
}

async function readFiles(
  files: readonly File[],
): Promise<{ foreign: ForeignAdapter; weightsName: string }> {
  const configFile = files.find(({ name }) => name === configName);
  const config = configFile === undefined ? null : parseJson(await configFile.text());
  const isMlx =
    configFile === undefined ? files.some(({ name }) => name === mlxName) : isMlxConfig(config);
  const weightsName = isMlx ? mlxName : peftName;
  const weights = files.find(({ name }) => name === weightsName);
  if (configFile === undefined || weights === undefined) {
    throw new UserError("no-adapter", "The file is missing.", {
      where: configFile === undefined ? configName : weightsName,
      remedy: `Choose both ${configName} and ${weightsName} of the adapter.`,
    });
  }
  const read = isMlx ? readMlxAdapter : readPeftAdapter;
  return { foreign: await read(config, weights, weightsName), weightsName };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UserError("bad-adapter", `It is not JSON (${String(cause)}).`, {
      where: configName,
      remedy: "Choose the adapter's own file, or start without one.",
    });
  }
}

/** @throws UserError "wrong-shape" naming the first module that the model lacks or has otherwise */
function refuseMisfits(
  { pairs, reachesLastLayer }: ForeignAdapter,
  config: ModelConfig,
  where: string,
): void {
  const targets = new Map(loraTargets(config, { targetModules: allTargetModules }).map(byModule));
  for (const [path, { a, b }] of pairs) {
    const fault = faultOf(targets.get(path), [b.shape[0], a.shape[1]]);
    if (fault !== null) {
      throw misfit(`${path} ${fault}`, where);
    }
  }
  const last = config.numHiddenLayers - 1;
  if (reachesLastLayer && ![...pairs.keys()].some((path) => path.includes(`.layers.${last}.`))) {
    throw misfit(
      `it has no matrices for the last layer, ${last}, although it means every one`,
      where,
    );
  }
}

function misfit(fault: string, where: string): UserError {
  return new UserError("wrong-shape", `The adapter does not fit this model: ${fault}.`, {
    where,
    remedy: "Choose an adapter that was made for this base model.",
  });
}

function byModule(target: LoraTarget): [string, LoraTarget] {
  return [target.module, target];
}

/** @param has rows and columns of B A */
function faultOf(target: LoraTarget | undefined, has: readonly [number, number]): string | null {
  if (target === undefined) {
    return "is no linear layer of it that Anneal adapts";
  }
  const needed = [target.outFeatures, target.inFeatures];
  return String(needed) === String(has)
    ? null
    : `has matrices for [${has.join(", ")}], needed is [${needed.join(", ")}]`;
}

function wordsOf({ rank, padded, scaled, empty }: UniformAdapter): string[] {
  const modules = (names: readonly string[]) => formatCountOf(names.length, "module");
  return [
    ...(padded.length > 0
      ? [`Zeros fill up the lower rank of ${modules(padded)} to rank ${rank}.`]
      : []),
    ...(scaled.length > 0
      ? [
          `The alpha of ${shortList(scaled)} is folded into B: the same function, but B learns there at another rate than in PEFT.`,
        ]
      : []),
    ...(empty.length > 0
      ? [`The adapter has no matrices for ${modules(empty)}: nothing is trained there.`]
      : []),
  ];
}
