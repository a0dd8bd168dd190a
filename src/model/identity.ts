// The identity of a base model: a hash of its description and a few rows of its weights.
import { sha256Hex } from "../util/bytes.ts";
import type { Description } from "./description.ts";
import type { SourceTensor } from "./source-tensor.ts";
import { finalNormName, linearsOfLayer, tensorsOf } from "./tensors.ts";

export interface Identity {
  /**
   * SHA-256 over the config and the stop tokens as parsed, the names, dtypes and shapes of the
   * tensors, the small files of the tokenizer, its chat templates, and some values: the final norm
   * and the first row of each linear layer of the last decoder layer. These values distinguish
   * fine-tunes of one architecture, merged adapters included, which leave norms unchanged. The hash
   * does not depend on how the weights are split into files.
   */
  indexSha256: string;
  /**
   * The hash in checkpoints of schema 1 and 2: of the small files only tokenizer.json, of the
   * values only the final norm.
   */
  formerSha256: string;
}

/** Files hashed as parsed: their layout and the keys that are not read have no effect. */
const parsedFiles = ["config.json", "generation_config.json"];

/** @throws UserError of reading the values; the signal's AbortError */
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
 * JSON with sorted keys, without values that are null or false: a field added in a later version
 * leaves the hash of models that do not use it unchanged.
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
