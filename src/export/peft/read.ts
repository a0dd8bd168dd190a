// Reads an existing PEFT adapter for a run to start from. What changes its mathematics and Anneal
// does not train is refused, with every fault in one message. Where the list of target modules and
// the tensors differ, the tensors count.
import { blobSource } from "../../formats/byte-source.ts";
import { openSafetensors, type SafetensorsFile } from "../../formats/safetensors.ts";
import { shortList } from "../../util/format.ts";
import {
  badAdapter,
  badConfig,
  dtypeFault,
  readMatrices,
  type ForeignAdapter,
} from "../foreign-adapter.ts";
import { alphaOf, rankOf, readPeftConfig, type PeftConfig } from "./read-config.ts";
import { kindOf, readLoraName } from "./tensor-name.ts";

/** Names of the tensors of a module. */
interface Names {
  A?: string;
  B?: string;
}

/**
 * Reads an adapter whose tensors are F32, F16 or BF16.
 * @param config adapter_config.json, parsed
 * @param blob adapter_model.safetensors
 * @throws UserError "bad-adapter" with all faults; "not-safetensors", "bad-header" or
 *   "unreadable-file" when the weights are not a valid safetensors file; the signal's AbortError
 */
export async function readPeftAdapter(
  config: unknown,
  blob: Blob,
  fileName: string,
  signal?: AbortSignal,
): Promise<ForeignAdapter> {
  const file = await openSafetensors(blobSource(blob, fileName));
  const read = readPeftConfig(config);
  if (Array.isArray(read)) {
    throw badConfig(read, fileName);
  }
  const { modules, faults } = modulesOf(file, read);
  if (faults.length > 0) {
    throw badAdapter(faults, fileName);
  }
  const names = [...modules.values()].flatMap(({ A = "", B = "" }) => [A, B]);
  const matrices = await readMatrices(file, names, fileName, signal);
  const none = { shape: [0, 0] as const, values: new Float32Array() };
  const pairs = [...modules].map(([path, { A = "", B = "" }]) => {
    const [a, b] = [matrices.get(A) ?? none, matrices.get(B) ?? none];
    return [path, { a, b, alpha: alphaOf(read, path) }] as const;
  });
  return {
    pairs: new Map(pairs),
    reachesLastLayer: read.reachesLastLayer,
    words: wordsOf(read, [...modules.keys()]),
  };
}

/** The tensors by module, with what is wrong about names, dtypes and shapes. */
function modulesOf(
  file: SafetensorsFile,
  config: PeftConfig,
): { modules: Map<string, Names>; faults: string[] } {
  const modules = new Map<string, Names>();
  const faults: string[] = [];
  for (const [name, { dtype, shape }] of file.tensors) {
    const lora = readLoraName(name);
    if (lora === null) {
      faults.push(`${name} is ${kindOf(name)}`);
      continue;
    }
    const names = modules.get(lora.path) ?? {};
    if (names[lora.matrix] !== undefined) {
      faults.push(`${name} and ${names[lora.matrix]} are the same matrix`);
    }
    modules.set(lora.path, { ...names, [lora.matrix]: name });
    const wrongDtype = dtypeFault(name, dtype);
    faults.push(
      ...shapeFaults(name, shape, lora.matrix, rankOf(config, lora.path)),
      ...(wrongDtype === null ? [] : [wrongDtype]),
    );
  }
  return { modules, faults: [...faults, ...missingFaults(modules)] };
}

function shapeFaults(
  name: string,
  shape: readonly number[],
  matrix: "A" | "B",
  rank: number,
): string[] {
  const innerDimension = matrix === "A" ? shape[0] : shape[1];
  const wanted = matrix === "A" ? `[${rank}, in]` : `[out, ${rank}]`;
  return shape.length === 2 && innerDimension === rank
    ? []
    : [`${name} is [${shape.join(", ")}], where r = ${rank} needs ${wanted}`];
}

function missingFaults(modules: ReadonlyMap<string, Names>): string[] {
  const halves = [...modules].flatMap(([path, { A, B }]) =>
    A === undefined || B === undefined
      ? [`${path} has no lora_${A === undefined ? "A" : "B"}`]
      : [],
  );
  return modules.size === 0 ? ["it has no LoRA matrix"] : halves;
}

/** Names of the list and tensors that have no counterpart in each other. */
function wordsOf({ targetNames }: PeftConfig, paths: readonly string[]): string[] {
  if (targetNames === null) {
    return [];
  }
  const isOf = (path: string, name: string) => path === name || path.endsWith(`.${name}`);
  const idle = targetNames.filter((name) => !paths.some((path) => isOf(path, name)));
  const unlisted = paths.filter((path) => !targetNames.some((name) => isOf(path, name)));
  return [
    ...(idle.length > 0 && !targetNames.includes("all-linear")
      ? [`target_modules names ${shortList(idle)}, for which the adapter has no matrices.`]
      : []),
    ...(unlisted.length > 0
      ? [`target_modules does not name ${shortList(unlisted)}; its matrices are used all the same.`]
      : []),
  ];
}
