// model.safetensors.index.json: which file of a sharded model holds which tensor. Source:
// huggingface/transformers, utils/hub.py (get_checkpoint_shard_files); the same file that mlx-lm
// writes.
import { maxNameLength, maxTensors } from "../../formats/safetensors-layout.ts";
import { parseStrictObject, StrictJsonError, type StrictJson } from "../../formats/strict-json.ts";
import { UserError } from "../../util/errors.ts";

export const shardIndexName = "model.safetensors.index.json";

/** DeepSeek-V3, with 92,000 tensors among the largest published, has one of 9 MB. */
export const maxShardIndexBytes = 32_000_000;

/** No published model is in more than a few hundred files, nor has a file a longer name. */
const maxShards = 10_000;
const maxFileNameLength = 255;

/**
 * Parses an index. What is in `metadata` counts for nothing: its total size is off in many
 * published files.
 * @returns file by tensor name
 * @throws UserError "bad-header" naming the fault and the tensor
 */
export function parseShardIndex(text: string): ReadonlyMap<string, string> {
  const weightMap = parseRoot(text).get("weight_map");
  if (!(weightMap instanceof Map)) {
    throw badIndex("Its weight_map is not an object of file names.");
  }
  if (weightMap.size === 0 || weightMap.size > maxTensors) {
    throw badIndex(`Its weight_map names ${weightMap.size} tensors; 1 to ${maxTensors} can be.`);
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
  // A name without a folder: nothing outside the model's own folder can be meant.
  const isPlain = /^[^/\\:\p{Cc}]+\.safetensors$/u.test(file) && !file.startsWith(".");
  if (!isPlain || file.length > maxFileNameLength) {
    throw badIndex(
      `Tensor ${shown} lies in ${JSON.stringify(file.slice(0, maxFileNameLength))}, which is not the name of a .safetensors file.`,
    );
  }
  return file;
}

function badIndex(message: string): UserError {
  return new UserError("bad-header", message, {
    where: shardIndexName,
    remedy: "Download the index again, or take it from the folder if there is one file of weights.",
  });
}
