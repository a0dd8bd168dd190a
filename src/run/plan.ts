// The plan of a run: rows, tokens, steps and bytes that a recipe means for the loaded model and
// data.
import { countTrainable, loraTargets } from "../adapter/targets.ts";
import type { RunState } from "../checkpoint/file/run-state.ts";
import { batchLength } from "../data/batching/batch.ts";
import { splitDataset, type Dataset } from "../data/dataset.ts";
import { defaultBudgetBytes } from "../engine/webgpu/engine.ts";
import type { BaseModel } from "../model/open.ts";
import { targetModulesOf } from "../model/tensors.ts";
import { workOf } from "../train/work.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { UserError } from "../util/errors.ts";
import { shownText } from "../util/shown-text.ts";
import { bytesTaken } from "../engine/run-bytes.ts";
import type { LoadedData } from "./data/loaded-data.ts";
import type { TokenCache } from "./data/token-cache.ts";
import type { EngineName } from "../engine/contract.ts";
import type { RunPlan } from "./events.ts";

/**
 * Tokenises and splits the data for a run.
 * @param startedAt start of the run in milliseconds since 1970: a chat template may print its day
 * @param tokens keeps the tokens for the next recipe
 * @param heldOutRows how many a saved run held out, which is resumed with the same split
 * @throws UserError "too-long" when maxLength exceeds the model's context; those of
 *   `TokenCache.tokensOf` and splitDataset
 */
export async function datasetFor(
  model: BaseModel,
  data: LoadedData,
  recipe: Recipe,
  startedAt: number,
  tokens: TokenCache,
  heldOutRows?: number,
): Promise<Dataset> {
  const tokenized = await tokens.tokensOf(model, data, recipe, startedAt);
  const { heldOutFrom } = data.set.facts.survey;
  const dataset = splitDataset(tokenized, recipe, { heldOutRows, heldOutFrom });
  const context = model.config.maxPositionEmbeddings;
  if (dataset.longestExample > context) {
    throw new UserError(
      "too-long",
      `The longest row has ${dataset.longestExample} tokens; the model's context is ${context}.`,
      { remedy: `Set maxLength to ${context} or less; longer rows are then cut and counted.` },
    );
  }
  return dataset;
}

/**
 * The position in the data is a place in an order of rows, so a saved run can only be resumed with
 * the rows that it began with. A version that trains other rows of the file would mix the two sets.
 * @throws UserError "wrong-data" where other rows are held out than the saved run says
 */
export async function refuseOtherSplit(
  { data: saved }: RunState,
  data: LoadedData,
  dataset: Dataset,
): Promise<void> {
  const { heldOutLines } = await data.identityOf(dataset);
  const isSame =
    heldOutLines.length === saved.heldOutLines.length &&
    heldOutLines.every((line, index) => line === saved.heldOutLines[index]);
  if (!isSame) {
    throw new UserError(
      "wrong-data",
      `This run was begun by a version of Anneal that used other rows of ${shownText(saved.name)}.`,
      {
        where: saved.name,
        remedy: "Export its adapter, and start a new run from that adapter.",
      },
    );
  }
}

/** @throws UserError as `datasetFor`; "bad-recipe" when the model has no target module of it */
export async function planRun(
  model: BaseModel,
  data: LoadedData,
  recipe: Recipe,
  engine: EngineName,
  tokens: TokenCache,
): Promise<RunPlan> {
  const dataset = await datasetFor(model, data, recipe, Date.now(), tokens);
  const targets = loraTargets(model.config, recipe);
  refuseNoTarget(model, recipe, targets.length);
  const shape = { rows: recipe.batchSize, length: batchLength(dataset.longestRow) };
  const { config, weights } = model;
  const work = workOf(dataset, recipe);
  const takes = bytesTaken(config, weights.shapes, recipe, engine, dataset.isWeighted);
  return {
    trainRows: dataset.train.length,
    heldOutRows: dataset.heldOut.length,
    trainedTokens: dataset.trainedTokens,
    longestRowTokens: dataset.longestExample,
    truncatedRows: dataset.truncatedRows,
    droppedRows: dataset.droppedRows,
    totalSteps: work.steps,
    epochs: work.epochs,
    rowsUsed: work.rowsUsed,
    trainableParameters: countTrainable(targets, recipe.rank),
    neededBytes: takes(shape, defaultBudgetBytes),
    samplePrompt: await samplePromptOf(data, dataset),
    promptForm: dataset.promptForm,
  };
}

/**
 * As in PEFT, target modules that a model lacks are ignored, but one must exist.
 * @param count modules that the recipe targets in this model
 * @throws UserError "bad-recipe" when it is 0
 */
export function refuseNoTarget({ config, name }: BaseModel, recipe: Recipe, count: number): void {
  if (count === 0) {
    throw new UserError(
      "bad-recipe",
      `${shownText(name)} has no layer named ${recipe.targetModules.join(", ")}.`,
      { where: "targetModules", remedy: `Choose from: ${targetModulesOf(config).join(", ")}.` },
    );
  }
}

/** The prompt of a held-out row where there is one, so that the sample is not from memory. */
export async function samplePromptOf(
  data: LoadedData,
  { heldOut, train, promptForm }: Dataset,
): Promise<string> {
  const { file, line } = heldOut.length > 0 ? heldOut.at(0) : train.at(0);
  const example = await data.find(file, line);
  if (example?.kind === "completion") {
    return promptForm.isChat ? example.prompt.trimEnd() : example.prompt;
  }
  const messages = example?.kind === "chat" ? example.messages : [];
  const content = messages.find(({ role }) => role === "user")?.content;
  return typeof content === "string" ? content : "";
}
