// Finds the tensors of a model folder in its .safetensors files. Only headers are read.
import type { ByteSource } from "../../formats/byte-source.ts";
import type { Dtype } from "../../formats/safetensors-layout.ts";
import { openSafetensors, type SafetensorsFile } from "../../formats/safetensors.ts";
import { textOf, type FileSet } from "../../sources/files.ts";
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";
import { firstTen } from "./check-tensors.ts";
import { foreignNames, neededName } from "./tensor-names.ts";
import { maxShardIndexBytes, parseShardIndex, shardIndexName } from "./shard-index.ts";

/** A tensor as stored in a file. */
export interface StoredTensor {
  /** The model's name; the file may have it with another prefix. */
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly sizeBytes: number;
  readonly fileName: string;
  /** File and tensor, for errors. */
  readonly where: string;
  /** Bytes `begin` to `end` (exclusive) of the tensor. @throws the errors of the file's source */
  read(begin: number, end: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * The file of an unsharded model. An index next to it may be a leftover; transformers does not read
 * it either.
 */
const wholeName = "model.safetensors";

/**
 * Opens the files of the needed tensors: model.safetensors if present, else the files that the
 * index names for them, else every .safetensors file. Tensors that are not needed may be missing,
 * duplicated or in another file than the index says.
 * @returns the needed tensors that were found, by name
 * @throws UserError "missing-file", "bad-header", "not-safetensors", "missing-tensor"; the signal's
 * AbortError
 */
export async function openShards(
  set: FileSet,
  isNeeded: (name: string) => boolean,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, StoredTensor>> {
  const fileOf = set.files.has(wholeName) ? null : await readIndex(set, isNeeded);
  const names = fileOf === null ? weightFilesOf(set) : [...new Set(fileOf.values())].sort();
  const sources = sourcesOf(set, names);
  const files = await Promise.all(sources.map((source) => openSafetensors(source, signal)));
  const tensors = new Map<string, StoredTensor>();
  for (const [index, file] of files.entries()) {
    for (const tensor of storedTensors(file, names[index] ?? "", isNeeded)) {
      const { name } = tensor;
      if (fileOf === null || fileOf.has(name)) {
        refuseSecond(tensors.get(name), tensor);
        tensors.set(name, tensor);
      }
    }
  }
  const allNames = files.flatMap((file) => [...file.tensors.keys()]);
  if (tensors.size === 0 && fileOf === null && allNames.length > 0) {
    throw foreignNames(allNames, set.name);
  }
  checkIndex(fileOf, tensors);
  return tensors;
}

/** The index entries of the needed tensors; null without an index. */
async function readIndex(
  set: FileSet,
  isNeeded: (name: string) => boolean,
): Promise<ReadonlyMap<string, string> | null> {
  const sizeBytes = set.files.get(shardIndexName)?.sizeBytes;
  if (sizeBytes === undefined) {
    return null;
  }
  if (sizeBytes > maxShardIndexBytes) {
    throw new UserError(
      "bad-header",
      `It has ${sizeBytes} bytes; the limit is ${maxShardIndexBytes}.`,
      {
        where: shardIndexName,
        remedy: "Download the index again: no known model has an index of this size.",
      },
    );
  }
  const index = parseShardIndex(await textOf(set, shardIndexName));
  const needed = [...index].flatMap(([stored, file]) => {
    const name = neededName(stored, isNeeded);
    return name === null ? [] : [[name, file] as const];
  });
  if (needed.length === 0) {
    throw foreignNames([...index.keys()], shardIndexName);
  }
  return new Map(needed);
}

function weightFilesOf(set: FileSet): string[] {
  if (set.files.has(wholeName)) {
    return [wholeName];
  }
  const names = [...set.files.keys()].filter(
    (name) => name.endsWith(".safetensors") && !name.startsWith("adapter_"),
  );
  if (names.length === 0) {
    throw new UserError("missing-file", `No .safetensors file was found in ${set.name}.`, {
      where: set.name,
      remedy: "Also choose the model's model.safetensors, or all of its numbered parts.",
    });
  }
  return names.sort();
}

function sourcesOf(set: FileSet, names: readonly string[]): ByteSource[] {
  const missing = names.filter((name) => !set.files.has(name));
  if (missing.length > 0) {
    throw new UserError(
      "missing-file",
      `${shardIndexName} names ${names.length} weights files; ${missing.length} are missing: ${firstTen(missing)}.`,
      { where: missing[0] ?? set.name, remedy: "Choose all .safetensors files of the model." },
    );
  }
  return names.flatMap((name) => set.files.get(name) ?? []);
}

function storedTensors(
  file: SafetensorsFile,
  fileName: string,
  isNeeded: (name: string) => boolean,
): StoredTensor[] {
  return [...file.tensors.values()].flatMap(({ name: stored, dtype, shape, begin, end }) => {
    const name = neededName(stored, isNeeded);
    const tensor = (name: string): StoredTensor => ({
      name,
      dtype,
      shape,
      sizeBytes: end - begin,
      fileName,
      where: `${fileName}, tensor ${shortJson(stored)}`,
      read: (from, to, signal) => file.readRange(stored, from, to, signal),
    });
    return name === null ? [] : [tensor(name)];
  });
}

function refuseSecond(first: StoredTensor | undefined, second: StoredTensor): void {
  if (first !== undefined) {
    throw new UserError("bad-header", `The same tensor is also in ${first.where}.`, {
      where: second.where,
      remedy: "Choose the files of one model only, with its model.safetensors.index.json.",
    });
  }
}

/** Checks that every tensor is in the file that the index names. */
function checkIndex(
  fileOf: ReadonlyMap<string, string> | null,
  tensors: ReadonlyMap<string, StoredTensor>,
): void {
  for (const [name, fileName] of fileOf ?? []) {
    const found = tensors.get(name);
    if (found?.fileName !== fileName) {
      throw new UserError(
        "missing-tensor",
        `${shardIndexName} says that it is in ${fileName}; ${found === undefined ? "no file that it names has it" : `it is in ${found.fileName}`}.`,
        { where: name, remedy: "Download index and weights again: they do not belong together." },
      );
    }
  }
}
