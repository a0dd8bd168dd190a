// Chooses the files of a repository that make up a model.
import { UserError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";
import { shortJson } from "../../util/short-json.ts";
import type { ContentId } from "./content-id.ts";
import { nonsense, quoted, type RequestContext } from "./hub-faults.ts";

export interface HubEntry {
  /** In the repository's top folder; subfolders contain other versions (`onnx/`, `original/`). */
  readonly name: string;
  readonly sizeBytes: number;
  readonly contentId: ContentId;
}

const metadataNames = new Set([
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "chat_template.json",
  "model.safetensors.index.json",
]);

/** These files are read into memory at once; Gemma's tokenizer.json has 33 MB. */
const maxMetadataBytes = 128 * 2 ** 20;

/** An entry of the Hub's list, checked; null for folders and for the files in them. */
export function parseEntry(entry: unknown, context: RequestContext): HubEntry | null {
  const { type, path, size, oid, lfs } = fieldsOf(entry);
  if (type !== "file" || typeof path !== "string" || path.includes("/")) {
    return null;
  }
  const { oid: sha256, size: lfsSize } = fieldsOf(lfs);
  const sizeBytes = lfs === undefined ? size : lfsSize;
  const contentId = lfs === undefined ? idOf("git-blob", oid, 40) : idOf("sha256", sha256, 64);
  if (!Number.isSafeInteger(sizeBytes) || (sizeBytes as number) < 0 || contentId === null) {
    throw nonsense(
      `The hub's list has no size or hash for ${quoted(path, context)}: ${shortJson(entry)}.`,
      context,
    );
  }
  return { name: path, sizeBytes: sizeBytes as number, contentId };
}

/**
 * The model's metadata with its weights: one `.gguf` when it was requested or there is
 * nothing else, else safetensors.
 * @param wanted the file of weights that was requested by name
 * @throws UserError "missing-file" when there are no readable weights, or several to choose from
 */
export function chooseFiles(
  entries: readonly HubEntry[],
  wanted: string | null,
  context: RequestContext,
): HubEntry[] {
  const metadata = entries.filter(
    ({ name, sizeBytes }) => metadataNames.has(name) && sizeBytes <= maxMetadataBytes,
  );
  const weights =
    wanted === null ? chooseWeights(entries, context) : [findWeights(entries, wanted, context)];
  return [...metadata, ...weights];
}

function isWeights(name: string): boolean {
  return /\.(safetensors|gguf)$/.test(name);
}

function findWeights(
  entries: readonly HubEntry[],
  wanted: string,
  context: RequestContext,
): HubEntry {
  const found = entries.find(({ name }) => name === wanted && isWeights(name));
  if (found === undefined) {
    throw noWeights(`The model has no weights named ${shortJson(wanted)}.`, entries, context);
  }
  return found;
}

function chooseWeights(entries: readonly HubEntry[], context: RequestContext): HubEntry[] {
  const safetensors = entries.filter(
    ({ name }) => name.endsWith(".safetensors") && !name.startsWith("adapter_"),
  );
  // Mistral's repositories contain everything a second time as consolidated.safetensors.
  const named = safetensors.filter(({ name }) => name.startsWith("model"));
  if (safetensors.length > 0) {
    return named.length > 0 ? named : safetensors;
  }
  const ggufs = entries.filter(({ name }) => name.endsWith(".gguf"));
  if (ggufs.length !== 1) {
    throw ggufs.length > 1
      ? severalFiles(ggufs, context)
      : noWeights("The model has no .safetensors and no .gguf file.", entries, context);
  }
  return ggufs;
}

function severalFiles(ggufs: readonly HubEntry[], { model }: RequestContext): UserError {
  const shown = ggufs
    .toSorted((a, b) => a.sizeBytes - b.sizeBytes)
    .slice(0, 12)
    .map(({ name, sizeBytes }) => `${name} (${formatBytes(sizeBytes)})`);
  return new UserError(
    "missing-file",
    `The model has ${ggufs.length} .gguf files to choose from.`,
    {
      where: model,
      remedy: `Add one of them to the name, as ${model}/file.gguf: ${shown.join(", ")}.`,
    },
  );
}

function noWeights(
  reason: string,
  entries: readonly HubEntry[],
  { model }: RequestContext,
): UserError {
  const isPickled = entries.some(({ name }) => /\.(bin|pt|pth)$/.test(name));
  return new UserError("missing-file", reason, {
    where: model,
    remedy: isPickled
      ? "Its weights are in PyTorch's pickle format, which can run code and is not supported: choose a copy in .safetensors."
      : "Choose a model with .safetensors or .gguf files in its top folder.",
  });
}

function idOf(kind: ContentId["kind"], hex: unknown, digits: number): ContentId | null {
  return typeof hex === "string" && hex.length === digits && /^[0-9a-f]+$/.test(hex)
    ? { kind, hex }
    : null;
}

function fieldsOf(
  value: unknown,
): Partial<Record<"type" | "path" | "size" | "oid" | "lfs", unknown>> {
  return typeof value === "object" && value !== null ? value : {};
}
