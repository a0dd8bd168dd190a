// Opens a model's files: checks config, tokenizer and every tensor's name and shape before a weight is read.
import { textOf, type FileSet } from "../sources/files.ts";
import { UserError } from "../util/errors.ts";
import { ConfigFields } from "./config-fields.ts";
import { parseModelConfig, parseStopTokens, type ModelConfig } from "./config.ts";
import { openFolderTensors } from "./folder-tensors.ts";
import { identify } from "./identity.ts";
import { parseQuantisation } from "./quantised/scheme.ts";
import type { SourceTensor } from "./source-tensor.ts";
import { tensorsOf, type TensorSpec } from "./tensors.ts";
import { parseTokenizer, type ModelTokenizer } from "./tokenizer.ts";
import { sourceStore, weightShapes, type WeightStore } from "./weight-store.ts";

export interface BaseModel {
  source: FileSet["source"];
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
  /** See `identify`. */
  indexSha256: string;
  /** What the decoder needs and nothing else, by Hugging Face name, as the files keep it. */
  tensors: ReadonlyMap<string, SourceTensor>;
  /** The same ready for an engine, each tensor in the format it is kept in. */
  weights: WeightStore;
}

/** What the files say, checked one by one but not yet against each other. */
interface Contents {
  name: string;
  config: ModelConfig;
  tokenizer: ModelTokenizer;
  tokenizerText: string;
  stopTokens: readonly number[];
  tensors: ReadonlyMap<string, SourceTensor>;
}

/**
 * Opens a folder of safetensors files, whole or in parts, plain or quantised by MLX or bitsandbytes. Of the weights no more
 * is read than the headers and one norm, so the files may lie far away.
 * @throws UserError "missing-file", "bad-config", "unsupported-architecture", "bad-tokenizer", "vocabulary-mismatch",
 *   "not-safetensors", "bad-header", "missing-tensor", "wrong-dtype" or "wrong-shape"; the signal's AbortError
 */
export async function openModel(
  set: FileSet,
  signal: AbortSignal = new AbortController().signal,
): Promise<BaseModel> {
  const { tokenizerText, ...contents } = await openFolder(set, signal);
  const { config, tokenizer, tensors, stopTokens } = contents;
  const specs = tensorsOf(config);
  checkTensors(specs, tensors);
  return {
    ...contents,
    source: set.source,
    stopTokens: [...new Set([...stopTokens, tokenizer.eosId])],
    ...measure(tensors),
    indexSha256: await identify(config, specs, tensors, tokenizerText, signal),
    weights: sourceStore(tensors, weightShapes(config, { format: "stored" }, tensors)),
  };
}

async function openFolder(set: FileSet, signal: AbortSignal): Promise<Contents> {
  const configText = await textOf(set, "config.json");
  const config = parseModelConfig(configText);
  const quantisation = parseQuantisation(ConfigFields.parse(configText, "config.json"));
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
  return {
    name: set.name,
    config,
    tokenizer,
    tokenizerText,
    stopTokens: parseStopTokens(configText, await optional("generation_config.json")),
    tensors: await openFolderTensors(set, tensorsOf(config), quantisation, signal),
  };
}

/** Reports every missing or misshapen tensor at once (the first ten by name). */
function checkTensors(
  specs: readonly TensorSpec[],
  tensors: ReadonlyMap<string, SourceTensor>,
): void {
  const missing = specs.filter(({ name }) => !tensors.has(name));
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
  const faults = specs.flatMap(({ name, shape }) => {
    const stored = tensors.get(name)?.shape ?? [];
    return String(stored) === String(shape)
      ? []
      : [`${name} is [${stored.join(", ")}] but config.json says [${shape.join(", ")}]`];
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

function measure(
  tensors: ReadonlyMap<string, SourceTensor>,
): Pick<BaseModel, "parameters" | "sizeBytes" | "dtype"> {
  let parameters = 0;
  let sizeBytes = 0;
  const valuesByDtype = new Map<string, number>();
  for (const { shape, dtype, sizeBytes: bytes } of tensors.values()) {
    const values = shape.reduce((product, size) => product * size, 1);
    parameters += values;
    sizeBytes += bytes;
    valuesByDtype.set(dtype, (valuesByDtype.get(dtype) ?? 0) + values);
  }
  const dtype = [...valuesByDtype].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "F32";
  return { parameters, sizeBytes, dtype };
}
