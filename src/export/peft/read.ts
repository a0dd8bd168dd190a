// Reads an existing PEFT adapter for a run to start from. An adapter that Anneal would change or
// lose a part of is refused, with every fault in one message.
import { blobSource } from "../../formats/byte-source.ts";
import { openSafetensors, type SafetensorsFile } from "../../formats/safetensors.ts";
import { UserError } from "../../util/errors.ts";
import { readPeftConfig, type PeftConfig } from "./read-config.ts";

/** A LoRA matrix, row-major: A `[rank, in]`, B `[out, rank]`. */
export interface PeftTensor {
  shape: readonly [number, number];
  values: Float32Array;
}

export interface PeftAdapter extends PeftConfig {
  /** By PEFT name, in the order of the file; each module has an A and a B. */
  tensors: Map<string, PeftTensor>;
}

/** A longer list of faults is cut and counted. */
const maxFaults = 12;

const floatTypes: ReadonlySet<string> = new Set(["F32", "F16", "BF16"]);

/**
 * Reads an adapter whose tensors are F32, F16 or BF16.
 * @param configText contents of adapter_config.json
 * @param blob adapter_model.safetensors
 * @throws UserError "bad-adapter" with all faults; "not-safetensors", "bad-header" or
 *   "unreadable-file" when the weights are not a valid safetensors file; the signal's AbortError
 */
export async function readPeftAdapter(
  configText: string,
  blob: Blob,
  fileName: string,
  signal?: AbortSignal,
): Promise<PeftAdapter> {
  const file = await openSafetensors(blobSource(blob, fileName));
  const config = readPeftConfig(parseJson(configText));
  if (Array.isArray(config)) {
    throw badAdapter(
      config.map((fault) => `adapter_config.json: ${fault}`),
      fileName,
    );
  }
  const faults = tensorFaults(file, config);
  if (faults.length > 0) {
    throw badAdapter(faults, fileName);
  }
  return { ...config, tensors: await readTensors(file, fileName, signal) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw badAdapter([`adapter_config.json is not JSON (${String(cause)})`], "adapter_config.json");
  }
}

async function readTensors(
  file: SafetensorsFile,
  fileName: string,
  signal: AbortSignal | undefined,
): Promise<Map<string, PeftTensor>> {
  const tensors = new Map<string, PeftTensor>();
  const faults: string[] = [];
  for (const [name, { shape }] of file.tensors) {
    const values = await file.readFloat32(name, signal);
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at !== -1) {
      faults.push(`${name} holds ${String(values[at])} at value ${at}`);
    }
    tensors.set(name, { shape: [shape[0] ?? 0, shape[1] ?? 0], values });
  }
  if (faults.length > 0) {
    throw badAdapter(faults, fileName);
  }
  return tensors;
}

/** Names, dtypes and shapes against the config. */
function tensorFaults(file: SafetensorsFile, { rank, targetModules }: PeftConfig): string[] {
  const faults: string[] = [];
  const pairs = new Map<string, Set<string>>();
  for (const [name, { dtype, shape }] of file.tensors) {
    const [, path = "", module = "", matrix = ""] = loraName.exec(name) ?? [];
    if (!targetModules.some((target) => target === module)) {
      faults.push(`${name} is not a LoRA matrix of a target module`);
      continue;
    }
    pairs.set(path, (pairs.get(path) ?? new Set()).add(matrix));
    const innerDimension = matrix === "A" ? shape[0] : shape[1];
    if (shape.length !== 2 || innerDimension !== rank) {
      const wanted = matrix === "A" ? `[${rank}, in]` : `[out, ${rank}]`;
      faults.push(`${name} is [${shape.join(", ")}], where r = ${rank} needs ${wanted}`);
    }
    if (!floatTypes.has(dtype)) {
      faults.push(`${name} is ${dtype}, and must be F32, F16 or BF16`);
    }
  }
  return [...faults, ...missingFaults(pairs, targetModules)];
}

/** Path of the module, its last part, and A or B. */
const loraName = /^base_model\.model\.((?:.+\.)?([^.]+))\.lora_([AB])\.weight$/;

function missingFaults(
  pairs: ReadonlyMap<string, ReadonlySet<string>>,
  targetModules: readonly string[],
): string[] {
  const halves = [...pairs]
    .filter(([, matrices]) => matrices.size < 2)
    .map(([path, matrices]) => `${path} has no lora_${matrices.has("A") ? "B" : "A"}`);
  const paths = [...pairs.keys()];
  const absent = targetModules
    .filter((module) => !paths.some((path) => path === module || path.endsWith(`.${module}`)))
    .map((module) => `there is no tensor of the target module ${module}`);
  return [...halves, ...absent];
}

function badAdapter(faults: readonly string[], where: string): UserError {
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
