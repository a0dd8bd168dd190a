// What a base model is known by again: a hash that needs no more of its weights than a few rows.
import { sha256Hex } from "../util/bytes.ts";
import type { Description } from "./description.ts";
import type { SourceTensor } from "./source-tensor.ts";
import { finalNormName, linearsOfLayer, tensorsOf } from "./tensors.ts";

export interface Identity {
  /**
   * SHA-256 over the config and the end tokens as parsed, the tensors' names, dtypes and shapes,
   * the small files of the tokenizer and its chat templates, and some values: the final norm, and
   * the first row of each linear layer of the last decoder layer. They tell fine-tunes of one
   * architecture apart, merged adapters too, which leave norms alone. It does not depend on how the
   * weights are split over files.
   */
  indexSha256: string;
  /**
   * What checkpoints of schema 1 and 2 know their model by: of the small files tokenizer.json, of
   * the values the final norm.
   */
  formerSha256: string;
}

/** What is hashed as parsed, so that its layout and what nobody reads do not count. */
const parsedFiles = ["config.json", "generation_config.json"];

/** @throws what reading the values throws; the signal's AbortError */
export async function identify(
  { config, stopTokens, texts }: Description,
  tensors: ReadonlyMap<string, SourceTensor>,
  signal: AbortSignal,
): Promise<Identity> {
  const index = tensorsOf(config).map(
    ({ name, shape }) => `${name} ${tensors.get(name)?.dtype ?? ""} ${shape.join("x")}`,
  );
  const last = linearsOfLayer(config, config.numHiddenLayers - 1);
  const sampled = [finalNormName, ...last.map(({ module }) => `${module}.weight`)];
  const rows = await Promise.all(
    sampled.map(async (name) => (await tensors.get(name)?.values(0, 1, signal))?.join(" ") ?? ""),
  );
  const names = [...texts.keys()].filter((name) => !parsedFiles.includes(name)).sort();
  const files = names.flatMap((name) => [name, texts.get(name) ?? ""]);
  const parsed = stableJson({ config, stopTokens });
  const [norm = ""] = rows;
  return {
    indexSha256: await hashOf([parsed, ...index, ...rows, ...files]),
    formerSha256: await hashOf([...index, norm, texts.get("tokenizer.json") ?? ""]),
  };
}

async function hashOf(parts: readonly string[]): Promise<string> {
  return await sha256Hex(new TextEncoder().encode(parts.join("\n")));
}

/**
 * Keys in order, and none whose value is null or false: a field that a later version adds changes
 * no model's hash where the model has nothing to do with it.
 */
function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) {
      return inner;
    }
    const said = Object.entries(inner).filter(([, part]) => part !== null && part !== false);
    return Object.fromEntries(said.sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
