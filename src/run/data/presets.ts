// The presets of a recipe for the loaded model and data.
import { recipeModulesOf } from "../../adapter/targets.ts";
import { TokenRows } from "../../data/token-rows.ts";
import type { LoadedModel } from "../../models/loaded-model.ts";
import { presetsFor, type Presets } from "../../recipe/presets.ts";
import type { LoadedData } from "./loaded-data.ts";
import type { TokenCache, TokenRules } from "./token-cache.ts";

/**
 * Counts the tokens of the rows, but of the demo's and of texts that become windows.
 * @param rules of the tokens
 * @throws as `TokenCache.tokensOf`
 */
export async function presetsOf(
  model: LoadedModel,
  data: LoadedData,
  rules: TokenRules,
  tokens: TokenCache,
): Promise<Presets> {
  const isDemo = model.source === "demo" && data.source === "demo";
  const longestRow =
    isDemo || data.set.hasWindows ? null : await longestRowOf(model, data, rules, tokens);
  return presetsFor({
    isDemo,
    parameters: model.parameters,
    contextLength: model.config.maxPositionEmbeddings,
    targetModules: recipeModulesOf(model.config),
    rows: data.set.usableRows,
    longestRow,
  });
}

async function longestRowOf(
  model: LoadedModel,
  data: LoadedData,
  rules: TokenRules,
  tokens: TokenCache,
): Promise<number> {
  const { store } = await tokens.tokensOf(model, data, rules, Date.now());
  return new TokenRows(store, Infinity).longest();
}
