// Reads an adapter that mlx-lm trained, for a run to start from. Source: mlx-lm 0.32.2,
// tuner/utils.py (load_adapters), tuner/lora.py and tuner/dora.py.
import type { LoraMatrix } from "../../adapter/uniform.ts";
import { blobSource } from "../../formats/byte-source.ts";
import { openSafetensors, type SafetensorsFile } from "../../formats/safetensors.ts";
import { shortJson } from "../../util/short-json.ts";
import {
  badAdapter,
  badConfig,
  dtypeFault,
  readMatrices,
  type ForeignAdapter,
} from "../foreign-adapter.ts";

type Json = Readonly<Record<string, unknown>>;

/** Module path, and a, b or DoRA's magnitude. */
const leafName = /^(.+)\.(?:lora_([ab])|m)$/;

/** Whether this is the config of an MLX adapter; PEFT's has a `peft_type`. */
export function isMlxConfig(config: unknown): boolean {
  return (
    typeof config === "object" &&
    config !== null &&
    !("peft_type" in config) &&
    ("lora_parameters" in config || "fine_tune_type" in config || "num_layers" in config)
  );
}

/**
 * @param config adapter_config.json, parsed
 * @param blob adapters.safetensors, F32, F16 or BF16
 * @throws UserError as `readPeftAdapter`
 */
export async function readMlxAdapter(
  config: unknown,
  blob: Blob,
  fileName: string,
  signal?: AbortSignal,
): Promise<ForeignAdapter> {
  const file = await openSafetensors(blobSource(blob, fileName));
  const scale = readScale(config);
  if (Array.isArray(scale)) {
    throw badConfig(scale, fileName);
  }
  const { paths, faults } = pathsOf(file);
  if (faults.length > 0) {
    throw badAdapter(faults, fileName);
  }
  const names = paths.flatMap((path) => [`${path}.lora_a`, `${path}.lora_b`]);
  const matrices = await readMatrices(file, names, fileName, signal);
  const none = { shape: [0, 0] as const, values: new Float32Array() };
  const pairs = paths.map((path) => {
    const a = transposed(matrices.get(`${path}.lora_a`) ?? none);
    const b = transposed(matrices.get(`${path}.lora_b`) ?? none);
    return [path, { a, b, alpha: scale * a.shape[0] }] as const;
  });
  // num_layers counts from the last layer.
  return { pairs: new Map(pairs), reachesLastLayer: true, words: [] };
}

/** The scale, which is alpha / rank, or all faults of the config in words. */
function readScale(config: unknown): number | string[] {
  const fields = (typeof config === "object" && config !== null ? config : {}) as Json;
  const { fine_tune_type: type = "lora", lora_parameters: given } = fields;
  const scale = typeof given === "object" && given !== null ? (given as Json)["scale"] : undefined;
  const isScale = typeof scale === "number" && scale > 0;
  const faults = [
    ...(type === "lora" ? [] : [`fine_tune_type is ${shown(type)}, and Anneal trains "lora" only`]),
    ...(isScale || type === "full"
      ? []
      : [`lora_parameters.scale must be a number above 0, not ${shown(scale)}`]),
  ];
  return faults.length === 0 && isScale ? scale : faults;
}

/** The modules with a pair, and what is wrong about names, dtypes and shapes. */
function pathsOf(file: SafetensorsFile): { paths: string[]; faults: string[] } {
  const faults: string[] = [];
  const paths = new Set<string>();
  for (const [name, { dtype }] of file.tensors) {
    const [, path, leaf] = leafName.exec(name) ?? [];
    const wrongDtype = dtypeFault(name, dtype);
    faults.push(...(wrongDtype === null ? [] : [wrongDtype]));
    if (path === undefined) {
      faults.push(`${name} is no LoRA matrix of a linear layer`);
    } else if (leaf === undefined) {
      faults.push(`${name} is a magnitude of DoRA, which Anneal does not train`);
    } else {
      paths.add(path);
    }
  }
  const pairFaults = [...paths].flatMap((path) => faultOfPair(file, path));
  const none = paths.size === 0 && faults.length === 0 ? ["it has no LoRA matrix"] : [];
  return { paths: [...paths], faults: [...faults, ...pairFaults, ...none] };
}

function faultOfPair({ tensors }: SafetensorsFile, path: string): string[] {
  const a = tensors.get(`${path}.lora_a`)?.shape;
  const b = tensors.get(`${path}.lora_b`)?.shape;
  if (a === undefined || b === undefined) {
    return [`${path} has no lora_${a === undefined ? "a" : "b"}`];
  }
  return a.length === 2 && b.length === 2 && a[1] === b[0]
    ? []
    : [
        `${path} has lora_a [${a.join(", ")}] and lora_b [${b.join(", ")}], and not [in, r], [r, out]`,
      ];
}

/** @param matrix `[rows, columns]` @returns `[columns, rows]` */
function transposed({ shape: [rows, columns], values }: LoraMatrix): LoraMatrix {
  const target = values.map((_, at) => {
    const [column, row] = [Math.floor(at / rows), at % rows];
    return values[row * columns + column] ?? 0;
  });
  return { shape: [columns, rows], values: target };
}

function shown(value: unknown): string {
  return (value === undefined ? "nothing" : shortJson(value)).slice(0, 60);
}
