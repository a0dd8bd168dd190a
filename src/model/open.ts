// Opens a Hugging Face model folder: checks config, tokenizer and every tensor's name and shape before a weight is read.
import { blobSource } from "../formats/byte-source.ts";
import { openSafetensors, type SafetensorsFile } from "../formats/safetensors.ts";
import { textOf, type FileSet } from "../sources/files.ts";
import { sha256Hex } from "../util/bytes.ts";
import { UserError } from "../util/errors.ts";
import { parseModelConfig, parseStopTokens, type ModelConfig } from "./config.ts";
import { finalNormName, tensorsOf, type TensorSpec } from "./tensors.ts";
import {
  encodingStore,
  weightShapes,
  type WeightChoice,
  type WeightStore,
} from "./weight-store.ts";
import { parseTokenizer, type ModelTokenizer } from "./tokenizer.ts";

export interface BaseModel {
  source: string;
  name: string;
  config: ModelConfig;
  tokenizer: ModelTokenizer;
  /** Tokens at which generation ends. */
  stopTokens: number[];
  /** Values in all tensors that the decoder uses. */
  parameters: number;
  /** Bytes of these tensors as stored. */
  sizeBytes: number;
  /** Dtype of most of them, e.g. `F16`. */
  dtype: string;
  /** SHA-256 over tensor names, dtypes and shapes, the final norm's values and tokenizer.json. */
  indexSha256: string;
  weights: WeightStore;
}

/**
 * @throws UserError "missing-file", "bad-config", "unsupported-architecture", "bad-tokenizer", "vocabulary-mismatch",
 *   "not-safetensors", "bad-header", "missing-tensor" or "wrong-shape"
 */
export async function openModel(set: FileSet): Promise<BaseModel> {
  const configText = await textOf(set, "config.json");
  const config = parseModelConfig(configText);
  const tokenizerText = await textOf(set, "tokenizer.json");
  const optional = async (name: string) => (set.files.has(name) ? await textOf(set, name) : null);
  const tokenizer = parseTokenizer(
    {
      tokenizer: tokenizerText,
      config: await textOf(set, "tokenizer_config.json"),
      chatTemplate: await optional("chat_template.jinja"),
    },
    config.vocabSize,
  );
  const weights = await openWeights(set);
  const specs = tensorsOf(config);
  checkTensors(specs, weights);
  const stopTokens = parseStopTokens(configText, await optional("generation_config.json"));
  const sizes = measure(specs, weights);
  return {
    source: set.source,
    name: set.name,
    config,
    tokenizer,
    stopTokens: [...new Set([...stopTokens, tokenizer.eosId])],
    ...sizes,
    indexSha256: await identify(specs, weights, tokenizerText),
    weights: encodingStore(weightShapes(config, keptFor(sizes.dtype)), (name, signal) =>
      fileOf(weights, name).readFloat32(name, signal),
    ),
  };
}

type Weights = ReadonlyMap<string, SafetensorsFile>;

/** Files of f16 and bf16 are kept as f16, which holds both as they are but for numbers beyond 65504; f32 stays f32. */
function keptFor(dtype: string): WeightChoice {
  return { format: dtype === "F32" ? "f32" : "f16" };
}

/** Every tensor's file, over all .safetensors files of the folder. */
async function openWeights(set: FileSet): Promise<Weights> {
  const names = [...set.files.keys()].filter(
    (name) => name.endsWith(".safetensors") && !name.startsWith("adapter_"),
  );
  if (names.length === 0) {
    throw new UserError("missing-file", `No .safetensors file was found in ${set.name}.`, {
      where: set.name,
      remedy: "Choose the model's model.safetensors (or all of its numbered parts) as well.",
    });
  }
  const weights = new Map<string, SafetensorsFile>();
  for (const name of names.sort()) {
    const file = await openSafetensors(set.files.get(name) ?? blobSource(new Blob(), name));
    for (const tensor of file.tensors.keys()) {
      weights.set(tensor, file);
    }
  }
  return weights;
}

/** Reports every missing or misshapen tensor at once (the first ten by name). */
function checkTensors(specs: readonly TensorSpec[], weights: Weights): void {
  const missing = specs.filter(({ name }) => !weights.has(name));
  if (missing.length > 0) {
    throw new UserError(
      "missing-tensor",
      `${missing.length} of ${specs.length} tensors are missing: ${firstTen(missing.map(({ name }) => name))}.`,
      {
        where: missing[0]?.name ?? "",
        remedy: "Choose all .safetensors files of the model; config.json must belong to them.",
      },
    );
  }
  const faults = specs.flatMap((spec) => {
    const stored = fileOf(weights, spec.name).tensors.get(spec.name)?.shape ?? [];
    return String(stored) === String(spec.shape)
      ? []
      : [`${spec.name} is [${stored.join(", ")}] but config.json says [${spec.shape.join(", ")}]`];
  });
  if (faults.length > 0) {
    throw new UserError("wrong-shape", `Wrong shape: ${firstTen(faults)}.`, {
      where: faults[0]?.split(" ")[0] ?? "",
      remedy: "Choose the config.json that belongs to these weights.",
    });
  }
}

function firstTen(items: readonly string[]): string {
  const more = items.length > 10 ? ` and ${items.length - 10} more` : "";
  return items.slice(0, 10).join("; ") + more;
}

function fileOf(weights: Weights, name: string): SafetensorsFile {
  const file = weights.get(name);
  if (file === undefined) {
    throw new Error(`${name} was not opened.`);
  }
  return file;
}

function measure(
  specs: readonly TensorSpec[],
  weights: Weights,
): Pick<BaseModel, "parameters" | "sizeBytes" | "dtype"> {
  let parameters = 0;
  let sizeBytes = 0;
  const valuesByDtype = new Map<string, number>();
  for (const { name, shape } of specs) {
    const info = fileOf(weights, name).tensors.get(name);
    const values = shape.reduce((product, size) => product * size, 1);
    parameters += values;
    if (info !== undefined) {
      sizeBytes += info.end - info.begin;
      valuesByDtype.set(info.dtype, (valuesByDtype.get(info.dtype) ?? 0) + values);
    }
  }
  const dtype = [...valuesByDtype].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "F32";
  return { parameters, sizeBytes, dtype };
}

/** The final norm's values tell fine-tunes of one architecture apart without reading the whole model. */
async function identify(
  specs: readonly TensorSpec[],
  weights: Weights,
  tokenizerText: string,
): Promise<string> {
  const index = specs.map(({ name, shape }) => {
    const dtype = fileOf(weights, name).tensors.get(name)?.dtype ?? "";
    return `${name} ${dtype} ${shape.join("x")}`;
  });
  const norm = await fileOf(weights, finalNormName).readFloat32(finalNormName);
  const text = [...index, norm.join(" "), tokenizerText].join("\n");
  return await sha256Hex(new TextEncoder().encode(text));
}
