// A model as a set of files, from any source: the bundled demo, a chosen or dropped folder, a hub,
// the cache.
import { blobSource, textOfSource, type ByteSource } from "../formats/byte-source.ts";
import { UserError } from "../util/errors.ts";

export interface FileSet {
  source: "demo" | "files" | "hub" | "cache";
  /** Name for people: the folder's, the demo's, or `org/name`. */
  name: string;
  /** Commit of a hub's repository; absent or null for other sources. */
  revision?: string | null;
  /** As its model card names it, e.g. `apache-2.0`; absent or null when unknown. */
  licence?: string | null;
  /** By path in the model's folder, e.g. `config.json`. */
  files: ReadonlyMap<string, ByteSource>;
}

/** Reports bytes read so far; total is null while unknown. */
export type Progress = (doneBytes: number, totalBytes: number | null) => void;

/** A file and its path in the chosen or dropped folder, `smol/config.json`, or its name alone. */
export interface PickedFile {
  file: File;
  path: string;
}

/** A picked file and its folder, `""` for none. */
interface FileInFolder {
  file: File;
  folder: string;
}

/**
 * The files of one model: those of the shallowest folder with a config.json or weights. Subfolders
 * are ignored: they contain other versions (`onnx/`, `original/`). That of further chat templates
 * is not.
 * @param picked a folder with all its contents, several files, or a single `.gguf`
 * @throws UserError "missing-file" when there is none, or several folders to choose from
 */
export function fileSetOf(picked: readonly PickedFile[]): FileSet {
  const placed = picked
    .filter(({ file }) => !isCompanion(file.name))
    .map(({ file, path }) => ({ file, folder: folderOf(path) }));
  const models = placed.filter(({ file }) => isOfModel(file.name));
  const folder = shallowest(models.length > 0 ? models : placed);
  const files = placed.filter((entry) => entry.folder === folder).map(({ file }) => file);
  const templates = placed.filter(
    (entry) =>
      entry.folder === joinPath(folder, templateFolder) && entry.file.name.endsWith(".jinja"),
  );
  return {
    source: "files",
    name: nameOf(folder, files),
    files: new Map([
      ...files.map((file) => [file.name, blobSource(file, file.name)] as const),
      ...templates.map(({ file }) => {
        const path = joinPath(templateFolder, file.name);
        return [path, blobSource(file, path)] as const;
      }),
    ]),
  };
}

/** A file's text. @throws UserError "missing-file" naming it */
export async function textOf(set: FileSet, name: string, signal?: AbortSignal): Promise<string> {
  const file = set.files.get(name);
  if (file === undefined) {
    throw new UserError("missing-file", `The file is missing from ${set.name}.`, {
      where: name,
      remedy: `Choose all files of the model: config.json, tokenizer.json, tokenizer_config.json and the .safetensors files. Found: ${joinNames([...set.files.keys()])}.`,
    });
  }
  return await textOfSource(file, signal);
}

/** macOS writes `._NAME` beside each file on foreign disks and in zip archives; no model's file. */
function isCompanion(name: string): boolean {
  return name.startsWith("._");
}

function isOfModel(name: string): boolean {
  return name === "config.json" || /\.(safetensors|gguf)$/.test(name);
}

/** Where transformers keeps the chat templates beside the usual one. */
const templateFolder = "additional_chat_templates";

function joinPath(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function shallowest(placed: readonly FileInFolder[]): string {
  const folders = [...new Set(placed.map(({ folder }) => folder))];
  const depth = Math.min(...folders.map(depthOf));
  const [folder, ...others] = folders.filter((path) => depthOf(path) === depth);
  if (folder === undefined) {
    throw new UserError("missing-file", "No file was chosen.", {
      remedy:
        "Choose the folder with config.json, tokenizer.json and the .safetensors files, or a .gguf file.",
    });
  }
  if (others.length > 0) {
    throw new UserError("missing-file", `The folder contains ${others.length + 1} models.`, {
      where: folder,
      remedy: `Choose the folder of one of them: ${joinNames([folder, ...others])}.`,
    });
  }
  return folder;
}

function depthOf(folder: string): number {
  return folder === "" ? 0 : folder.split("/").length;
}

/** The Hub's cache names a folder by its commit; the model's name is two folders above. */
function nameOf(folder: string, files: readonly File[]): string {
  const [, organisation, name] =
    /(?:^|\/)models--(.+?)--(.+)\/snapshots\/[^/]+$/.exec(folder) ?? [];
  if (organisation !== undefined && name !== undefined) {
    return `${organisation}/${name}`;
  }
  const weights = files.find((file) => file.name.endsWith(".gguf"));
  const lastFolder = folder.slice(folder.lastIndexOf("/") + 1);
  return lastFolder || weights?.name.replace(/\.gguf$/, "") || "own-model";
}

function joinNames(names: readonly string[]): string {
  return names.length > 8 ? `${names.slice(0, 8).join(", ")} and more` : names.join(", ");
}
