// Parses model.safetensors.index.json, which maps the tensors of a sharded model to files.
// Source: transformers, utils/hub.py (get_checkpoint_shard_files); mlx-lm writes the same file.
import { maxNameLength, maxTensors } from "../../formats/safetensors-layout.ts";
import { parseStrictObject, StrictJsonError, type StrictJson } from "../../formats/strict-json.ts";
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";

export const shardIndexName = "model.safetensors.index.json";

/** The index of DeepSeek-V3 (92,000 tensors, among the largest published) has 9 MB. */
export const maxShardIndexBytes = 32_000_000;

/** No published model has more than a few hundred files, or a longer file name. */
const maxShards = 10_000;
const maxFileNameLength = 255;

/**
 * Parses an index. `metadata` is ignored: its total size is wrong in many published files.
 * @returns file by tensor name
 * @throws UserError "bad-header" naming the fault and the tensor
 */
export function parseShardIndex(text: string): ReadonlyMap<string, string> {
  const weightMap = parseRoot(text).get("weight_map");
  if (!(weightMap instanceof Map)) {
    throw badIndex("Its weight_map is not an object of file names.");
  }
  if (weightMap.size === 0 || weightMap.size > maxTensors) {
    throw badIndex(
      `Its weight_map names ${weightMap.size} tensors; the limit is 1 to ${maxTensors}.`,
    );
  }
  const files = new Map(Array.from(weightMap, ([name, file]) => [name, fileNameOf(name, file)]));
  const shards = new Set(files.values()).size;
  if (shards > maxShards) {
    throw badIndex(`Its weight_map names ${shards} files; the limit is ${maxShards}.`);
  }
  return files;
}

function parseRoot(text: string): ReadonlyMap<string, StrictJson> {
  try {
    return parseStrictObject(text, "any");
  } catch (error) {
    if (error instanceof StrictJsonError) {
      throw badIndex(`The index is broken: ${error.message}.`);
    }
    throw error;
  }
}

function fileNameOf(tensor: string, file: StrictJson): string {
  const shown = JSON.stringify(tensor.slice(0, maxNameLength));
  if (tensor.length > maxNameLength) {
    throw badIndex(`It names a tensor of ${tensor.length} characters: ${shown}.`);
  }
  if (typeof file !== "string") {
    throw badIndex(`The file of tensor ${shown} is not a string.`);
  }
  // A name without a folder cannot refer to a file outside the model's folder.
  const isPlain = /^[^/\\:\p{Cc}]+\.safetensors$/u.test(file) && !file.startsWith(".");
  if (!isPlain || file.length > maxFileNameLength) {
    throw badIndex(
      `Tensor ${shown} is in ${shortJson(file.slice(0, maxFileNameLength))}, which is not the name of a .safetensors file.`,
    );
  }
  return file;
}

function badIndex(message: string): UserError {
  return new UserError("bad-header", message, {
    where: shardIndexName,
    remedy: "Download the index again, or remove it if the model has a single weights file.",
  });
}
