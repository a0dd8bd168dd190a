// Asks the hub whether there is a model of a name, and whether it has the sizes of the one here.
import type { ModelConfig } from "../model/config/model-config.ts";
import { parseModelSizes } from "../model/config/parse.ts";
import { parseBaseName } from "../sources/hub/hub-name.ts";
import type { HubOptions } from "../sources/hub/hub.ts";
import { UserError } from "../util/errors.ts";
import { formatCount } from "../util/format.ts";
import { fetched } from "../util/later.ts";
import { shownText } from "../util/shown-text.ts";
import type { BaseCheck } from "./facts.ts";

/**
 * @param config of the model here; null where it is not loaded
 * @throws UserError "bad-model-name", "access-denied" or "network"; the signal's AbortError
 */
export async function checkBaseName(
  typed: string,
  config: ModelConfig | null,
  options: HubOptions,
  signal: AbortSignal,
): Promise<BaseCheck> {
  const wanted = parseBaseName(typed, options.endpoint);
  const { findOnHub } = await fetched(import("../sources/hub/hub.ts"));
  const { name, config: text } = await findOnHub(wanted, options, signal);
  const shown = shownText(name);
  const there = text === null ? null : sizesOf(text);
  if (there === null || config === null) {
    const words = `${shown} is on the Hub; its sizes cannot be compared.`;
    return { name, agrees: null, words };
  }
  const here = sizeWords(config);
  return there === here
    ? { name, agrees: true, words: `${shown} is on the Hub and has these sizes: ${here}.` }
    : { name, agrees: false, words: `${shown} is another model: ${there}. This one: ${here}.` };
}

/** Null for a config that Anneal does not read. */
function sizesOf(text: string): string | null {
  try {
    return sizeWords(parseModelSizes(text, "config.json"));
  } catch (error) {
    if (error instanceof UserError) {
      return null;
    }
    throw error;
  }
}

function sizeWords({
  numHiddenLayers,
  hiddenSize,
  intermediateSize,
  vocabSize,
}: ModelConfig): string {
  const [width, inner, words] = [hiddenSize, intermediateSize, vocabSize].map(formatCount);
  return `${numHiddenLayers} layers, hidden size ${width}, MLP ${inner}, vocabulary ${words}`;
}
