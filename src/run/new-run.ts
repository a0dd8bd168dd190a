// The state of a run before its first step: identity, data set, and a fresh adapter or the one
// that the person starts from.
import { initialAdapter } from "../adapter/lora.ts";
import { loraTargets } from "../adapter/targets.ts";
import type { DataIdentity, RunState } from "../checkpoint/file/run-state.ts";
import type { Dataset } from "../data/dataset.ts";
import type { LoadedModel } from "../models/loaded-model.ts";
import { turnEnds } from "../model/tokenizer/turn-end.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { initialState } from "../train/trainer.ts";
import { fetched } from "../util/later.ts";
import type { LoadedData } from "./data/loaded-data.ts";
import type { TokenCache } from "./data/token-cache.ts";
import { datasetFor, refuseNoTarget } from "./plan.ts";
import type { StartAdapter } from "./start-adapter.ts";

export interface RunBeginning {
  recipe: Recipe;
  /** Files of a PEFT or MLX adapter to start from; null for a fresh adapter. */
  adapter: File[] | null;
}

/**
 * A run under a new id. A fresh adapter has A at random from the recipe's seed and B at zero, as
 * PEFT initialises LoRA.
 * @returns with `words` on the adapter that it starts from, a sentence each
 * @throws UserError as `readStartAdapter` and `datasetFor`; "bad-recipe" when the model has none of
 *   the target modules
 */
export async function newRun(
  model: LoadedModel,
  data: LoadedData,
  beginning: RunBeginning,
  tokens: TokenCache,
): Promise<{ state: RunState; dataset: Dataset; words: string[] }> {
  const { recipe, adapter, words } = await adapterOf(model, beginning);
  const startedAt = Date.now();
  const dataset = await datasetFor(model, data, recipe, startedAt, tokens);
  const state: RunState = {
    runId: crypto.randomUUID(),
    startedAt,
    recipe,
    base: {
      source: model.source,
      name: model.name,
      ...(model.source === "demo" ? {} : { hubName: model.hubName }),
      revision: model.revision,
      indexSha256: model.indexSha256,
      weightFormat: model.format,
      licence: model.licence,
    },
    data: { ...(await data.identityOf(dataset)), ...(await cardFactsOf(model, dataset)) },
    trainer: initialState(dataset, recipe),
    adapter,
  };
  return { state, dataset, words };
}

/**
 * For the model card: how to prompt the model, the token that ends its answers, and whether rows
 * have weights.
 */
async function cardFactsOf(
  { tokenizer }: LoadedModel,
  { promptForm, isWeighted }: Dataset,
): Promise<Pick<DataIdentity, "answerEnd" | "promptForm" | "isWeighted">> {
  const facts = { promptForm, ...(isWeighted ? { isWeighted } : {}) };
  if (!promptForm.isChat) {
    return facts;
  }
  const [end] = await turnEnds(tokenizer, "Hello", new AbortController().signal);
  return { ...facts, ...(end === undefined ? {} : { answerEnd: tokenizer.decodeToken(end) }) };
}

/** Rank, alpha and target modules of an adapter to start from replace the recipe's. */
async function adapterOf(
  model: LoadedModel,
  { recipe, adapter }: RunBeginning,
): Promise<StartAdapter> {
  if (adapter !== null) {
    const { readStartAdapter } = await fetched(import("./start-adapter.ts"));
    return await readStartAdapter(adapter, model.config, recipe);
  }
  const targets = loraTargets(model.config, recipe);
  refuseNoTarget(model, recipe, targets.length);
  return { recipe, adapter: initialAdapter(targets, recipe.rank, recipe.seed), words: [] };
}
