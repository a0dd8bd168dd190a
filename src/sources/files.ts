// A model as a set of files, whatever it came from: the bundled demo, a picked or dropped folder.
import { blobSource, textOfSource, type ByteSource } from "../formats/byte-source.ts";
import { UserError } from "../util/errors.ts";

export interface FileSet {
  /** `demo` or `files`. */
  source: string;
  /** Name for people: the folder's, or the demo's. */
  name: string;
  /** By base name, e.g. `config.json`. */
  files: ReadonlyMap<string, ByteSource>;
}

/** Reports bytes read so far; total is null while unknown. */
export type Progress = (doneBytes: number, totalBytes: number | null) => void;

/**
 * The files of a picked folder by base name. Files in subfolders are left out: a model lies flat in its folder.
 * @throws UserError "missing-file" when there is none
 */
export function fileSetOf(picked: readonly File[]): FileSet {
  const paths = picked.map((file) => ({ file, parts: pathOf(file).split("/") }));
  const depth = Math.min(...paths.map(({ parts }) => parts.length));
  const top = paths.filter(({ parts }) => parts.length === depth);
  if (top.length === 0) {
    throw new UserError("missing-file", "No file was chosen.", {
      remedy: "Choose the folder with config.json, tokenizer.json and the .safetensors files.",
    });
  }
  const folder = depth > 1 ? top[0]?.parts[depth - 2] : undefined;
  return {
    source: "files",
    name: folder ?? "own-model",
    files: new Map(top.map(({ file }) => [file.name, blobSource(file, file.name)])),
  };
}

/** A file's text. @throws UserError "missing-file" naming it */
export async function textOf(set: FileSet, name: string): Promise<string> {
  const file = set.files.get(name);
  if (file === undefined) {
    throw new UserError("missing-file", `The file is missing from ${set.name}.`, {
      where: name,
      remedy: `Choose all files of the model: config.json, tokenizer.json, tokenizer_config.json and the .safetensors files. Found: ${listed(set)}.`,
    });
  }
  return await textOfSource(file);
}

function pathOf(file: File): string {
  return file.webkitRelativePath || file.name;
}

function listed(set: FileSet): string {
  const names = [...set.files.keys()];
  return names.length > 8 ? `${names.slice(0, 8).join(", ")} and more` : names.join(", ");
}
