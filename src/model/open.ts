// Opens a model's files: checks config, tokenizer and the name and shape of every tensor before a
// weight is read.
import type { ByteSource } from "../formats/byte-source.ts";
import type { FileSet } from "../sources/files.ts";
import { UserError } from "../util/errors.ts";
import { fetched } from "../util/later.ts";
import type { TemplateRenderer } from "./chat-template/render.ts";
import { checkTensors, firstTen } from "./folder/check-tensors.ts";
import { ConfigFields } from "./config/fields.ts";
import { describeGguf, openDescription, withOwnHead, type Description } from "./description.ts";
import { refuseOtherContents } from "./folder/other-contents.ts";
import { openFolderTensors } from "./folder/tensors.ts";
import { guessHubName, type HubGuess } from "./hub-guess.ts";
import { identify, type Identity } from "./identity.ts";
import { parseQuantisation } from "./quantised/scheme.ts";
import type { SourceTensor } from "./source-tensor.ts";
import { tensorsOf } from "./tensors.ts";
import { sourceStore, weightShapes, type WeightStore } from "./weights/store.ts";

/** The base model of a run, from files or from the browser's cache. */
export interface BaseModel extends Description, Identity {
  name: string;
  /** As its model card or file names it, e.g. `apache-2.0`; null when unknown. */
  licence: string | null;
  /** By which name transformers loads the model; null for the demo, or without a guess. */
  hubGuess: HubGuess | null;
  /** Values in all tensors that the decoder uses. */
  parameters: number;
  /** Bytes of these tensors as stored. */
  sizeBytes: number;
  /** Dtype of most of them, e.g. `F16`. */
  dtype: string;
  /** The weights in the formats that an engine reads. */
  weights: WeightStore;
}

/** A model with its files open; each of its `weights` is in the format closest to the file's. */
export interface OpenedModel extends BaseModel {
  source: FileSet["source"];
  /** The tensors of the decoder and no others, by Hugging Face name, as stored in the files. */
  tensors: ReadonlyMap<string, SourceTensor>;
  /**
   * Names of the files that store these tensors. Other files may hold other versions, or parts that
   * are not read.
   */
  weightFiles: readonly string[];
}

export interface OpenOptions {
  signal?: AbortSignal | undefined;
  /** Renders chat templates. They are foreign code, so the page runs them in a separate worker. */
  render?: TemplateRenderer | undefined;
}

/** The contents of the files, each checked alone but not yet against each other. */
interface Contents extends Pick<
  OpenedModel,
  "name" | "licence" | "tensors" | "weightFiles" | "hubGuess"
> {
  description: Description;
}

/**
 * Opens a folder of safetensors files, one or several, plain or quantised by MLX or bitsandbytes,
 * or a single GGUF file. Only the headers and a few rows of the weights are read, so the files may
 * be remote.
 * @throws UserError "missing-file", "bad-config", "unsupported-architecture", "bad-tokenizer",
 *   "vocabulary-mismatch", "not-safetensors", "not-gguf", "bad-header", "missing-tensor",
 *   "wrong-dtype" or "wrong-shape"; the signal's AbortError
 */
export async function openModel(
  set: FileSet,
  { signal = new AbortController().signal, render }: OpenOptions = {},
): Promise<OpenedModel> {
  const gguf = ggufIn(set);
  const { description, ...contents } =
    gguf === null
      ? await openFolder(set, signal, render)
      : await openGgufContents(gguf, set, signal, render);
  const { config } = description;
  const { tensors } = contents;
  checkTensors(tensorsOf(config), tensors);
  return {
    ...description,
    ...measure(tensors),
    source: set.source,
    ...contents,
    hubGuess: set.source === "demo" ? null : contents.hubGuess,
    ...(await identify(description, tensors, signal)),
    weights: sourceStore(tensors, weightShapes(config, { format: "stored" }, tensors)),
  };
}

async function openFolder(
  set: FileSet,
  signal: AbortSignal,
  render: TemplateRenderer | undefined,
): Promise<Contents> {
  await refuseOtherContents(set);
  const description = await openDescription(set, render);
  const fields = ConfigFields.parse(description.texts.get("config.json") ?? "", "config.json");
  const specs = tensorsOf(description.config);
  const quantisation = parseQuantisation(fields);
  const { hasOwnHead, ...opened } = await openFolderTensors(set, specs, quantisation, signal);
  return {
    description: hasOwnHead ? withOwnHead(description) : description,
    name: set.name,
    licence: set.licence ?? null,
    hubGuess: guessHubName({
      folder: set.name,
      fileName: null,
      savedFrom: fields.raw("_name_or_path"),
      sources: [],
      parent: null,
    }),
    ...opened,
  };
}

async function openGgufContents(
  file: ByteSource,
  set: FileSet,
  signal: AbortSignal,
  render: TemplateRenderer | undefined,
): Promise<Contents> {
  const { openGguf } = await fetched(import("./gguf/open.ts"));
  const model = await openGguf(file, signal);
  const description = describeGguf(model, file.name, render);
  const needed = new Set(tensorsOf(description.config).map(({ name }) => name));
  return {
    description,
    name: set.source === "files" ? model.name : set.name,
    licence: set.licence ?? model.licence,
    hubGuess: guessHubName({
      folder: set.name,
      fileName: file.name,
      savedFrom: null,
      ...model.traces,
    }),
    tensors: new Map([...model.tensors].filter(([name]) => needed.has(name))),
    weightFiles: [file.name],
  };
}

/**
 * The GGUF file of a folder without other weights, else null.
 * @throws UserError "missing-file" for several
 */
function ggufIn(set: FileSet): ByteSource | null {
  const names = [...set.files.keys()];
  const files = names.filter((name) => name.endsWith(".gguf"));
  const [first] = files;
  if (first === undefined || names.some((name) => name.endsWith(".safetensors"))) {
    return null;
  }
  if (files.length > 1) {
    throw new UserError("missing-file", `There are ${files.length} GGUF files in ${set.name}.`, {
      where: set.name,
      remedy: `Choose one of them: ${firstTen(files)}.`,
    });
  }
  return set.files.get(first) ?? null;
}

function measure(
  tensors: ReadonlyMap<string, SourceTensor>,
): Pick<BaseModel, "parameters" | "sizeBytes" | "dtype"> {
  let parameters = 0;
  let sizeBytes = 0;
  const valuesByDtype = new Map<string, number>();
  for (const tensor of tensors.values()) {
    const values = tensor.shape.reduce((product, size) => product * size, 1);
    parameters += values;
    sizeBytes += tensor.sizeBytes;
    valuesByDtype.set(tensor.dtype, (valuesByDtype.get(tensor.dtype) ?? 0) + values);
  }
  const dtype = [...valuesByDtype].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "F32";
  return { parameters, sizeBytes, dtype };
}
