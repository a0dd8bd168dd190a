// What a base model is known by again: a hash that needs no more of its weights than a few rows.
import { sha256Hex } from "../util/bytes.ts";
import type { ModelConfig } from "./config.ts";
import type { SourceTensor } from "./source-tensor.ts";
import { finalNormName, linearsOfLayer, type TensorSpec } from "./tensors.ts";

/**
 * SHA-256 over the config as parsed, the tensors' names, dtypes and shapes, the tokenizer, and some values: the final norm, and
 * the first row of each linear layer of the last decoder layer. They tell fine-tunes of one architecture apart, merged
 * adapters too, which leave norms alone. It does not depend on how the files are split and named.
 * @param tokenizerText tokenizer.json, or what stands for it
 * @throws what reading the values throws; the signal's AbortError
 */
export async function identify(
  config: ModelConfig,
  specs: readonly TensorSpec[],
  tensors: ReadonlyMap<string, SourceTensor>,
  tokenizerText: string,
  signal: AbortSignal,
): Promise<string> {
  const index = indexOf(specs, tensors);
  const last = linearsOfLayer(config, config.numHiddenLayers - 1);
  const sampled = [finalNormName, ...last.map(({ module }) => `${module}.weight`)];
  const rows = await Promise.all(
    sampled.map(async (name) => (await tensors.get(name)?.values(0, 1, signal))?.join(" ") ?? ""),
  );
  const text = [stableJson(config), ...index, ...rows, tokenizerText].join("\n");
  return await sha256Hex(new TextEncoder().encode(text));
}

/**
 * What checkpoints of schema 1 and 2 know their model by: no config, and of the values the final norm alone.
 * @throws what reading the values throws; the signal's AbortError
 */
export async function formerIdentity(
  specs: readonly TensorSpec[],
  tensors: ReadonlyMap<string, SourceTensor>,
  tokenizerText: string,
  signal: AbortSignal,
): Promise<string> {
  const norm = (await tensors.get(finalNormName)?.values(0, 1, signal))?.join(" ") ?? "";
  const text = [...indexOf(specs, tensors), norm, tokenizerText].join("\n");
  return await sha256Hex(new TextEncoder().encode(text));
}

function indexOf(
  specs: readonly TensorSpec[],
  tensors: ReadonlyMap<string, SourceTensor>,
): string[] {
  return specs.map(({ name, shape }) => {
    return `${name} ${tensors.get(name)?.dtype ?? ""} ${shape.join("x")}`;
  });
}

/**
 * Keys in order, and none whose value is null or false: a field that a later version adds changes no model's hash where the
 * model has nothing to do with it.
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
