// An adapter that another program wrote, as its reader gives it: a pair of matrices for each module
// that has one. Every fault is named, together in one error.
import type { LoraMatrix, LoraPair } from "../adapter/uniform.ts";
import type { SafetensorsFile } from "../formats/safetensors.ts";
import { UserError } from "../util/errors.ts";

export interface ForeignAdapter {
  /** By module path in the base model, e.g. `model.layers.0.self_attn.q_proj`. */
  pairs: Map<string, LoraPair>;
  /** Whether its config means every layer, so that an adapter of fewer is one of another model. */
  reachesLastLayer: boolean;
  /** What the reader noticed that changes nothing, a sentence each. */
  words: string[];
}

/** A longer list of faults is cut and counted. */
const maxFaults = 12;

const floatTypes: ReadonlySet<string> = new Set(["F32", "F16", "BF16"]);

/** @param where file name */
export function badAdapter(faults: readonly string[], where: string): UserError {
  const more = faults.length > maxFaults ? [`and ${faults.length - maxFaults} more`] : [];
  return new UserError(
    "bad-adapter",
    `A run cannot start from this adapter: ${[...faults.slice(0, maxFaults), ...more].join("; ")}.`,
    {
      where,
      remedy: "Choose a plain LoRA adapter of this base model, or start without one.",
    },
  );
}

/** @param where file name of the tensors */
export function badConfig(faults: readonly string[], where: string): UserError {
  const ofConfig = faults.map((fault) => `adapter_config.json: ${fault}`);
  return badAdapter(ofConfig, where);
}

/** What is wrong with a tensor's dtype, or null. */
export function dtypeFault(name: string, dtype: string): string | null {
  return floatTypes.has(dtype) ? null : `${name} is ${dtype}, and must be F32, F16 or BF16`;
}

/**
 * Reads matrices as f32.
 * @throws UserError "bad-adapter" naming each with a value that is not finite
 */
export async function readMatrices(
  file: SafetensorsFile,
  names: readonly string[],
  where: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, LoraMatrix>> {
  const matrices = new Map<string, LoraMatrix>();
  const faults: string[] = [];
  for (const name of names) {
    const values = await file.readFloat32(name, signal);
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at !== -1) {
      faults.push(`${name} holds ${String(values[at])} at value ${at}`);
    }
    const [rows = 0, columns = 0] = file.tensors.get(name)?.shape ?? [];
    matrices.set(name, { shape: [rows, columns], values });
  }
  if (faults.length > 0) {
    throw badAdapter(faults, where);
  }
  return matrices;
}
