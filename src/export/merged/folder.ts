// A model with an adapter merged in, as the folder that transformers loads: sharded safetensors,
// and the small files as they came. Source: huggingface_hub, serialization/_base.py (shards).
import type { RunState } from "../../checkpoint/file/run-state.ts";
import { quantize } from "../../formats/gguf/quantize.ts";
import { safetensorsHeader } from "../../formats/safetensors-write.ts";
import type { ZipPart } from "../../formats/zip.ts";
import type { ModelConfig } from "../../model/config/model-config.ts";
import type { BaseModel } from "../../model/open.ts";
import { tensorsOf } from "../../model/tensors.ts";
import type { FloatType } from "../values.ts";
import { mergedTensors, type MergedTensor } from "./tensors.ts";

/** transformers' own limit of a shard. */
const usualShardBytes = 5e9;

/**
 * The files, each opened when it is written: a piece of a tensor is in memory at a time.
 * @param type of all values
 * @throws Error for an adapter of layers that the model lacks
 */
export function mergedFolder(
  run: RunState,
  model: BaseModel,
  type: FloatType,
  signal: AbortSignal,
  shardBytes = usualShardBytes,
): ZipPart[] {
  const shards = shardsOf(mergedTensors(model, run), type, shardBytes);
  const named = shards.map((tensors, i) => ({ name: shardName(i, shards.length), tensors }));
  const texts = [...model.texts].map(([name, text]) =>
    textPart(name, name === "config.json" ? configOf(text, type) : text),
  );
  const index = shards.length === 1 ? [] : [textPart(indexName, indexOf(named, type))];
  return [...texts, ...index, ...named.map((shard) => shardPart(shard, type, signal))];
}

/** Bytes of all tensors. */
export function folderBytes(config: ModelConfig, type: FloatType): number {
  return tensorsOf(config).reduce((sum, tensor) => sum + bytesOf(tensor, type), 0);
}

interface Shard {
  name: string;
  tensors: readonly MergedTensor[];
}

const bytesOfType: Readonly<Record<FloatType, number>> = { F32: 4, F16: 2, BF16: 2 };
const indexName = "model.safetensors.index.json";

function bytesOf({ shape }: Pick<MergedTensor, "shape">, type: FloatType): number {
  return shape.reduce((product, size) => product * size, bytesOfType[type]);
}

/** Tensors in order, in groups of at most `limit` bytes; a larger tensor is alone. */
function shardsOf(
  tensors: readonly MergedTensor[],
  type: FloatType,
  limit: number,
): MergedTensor[][] {
  const shards: MergedTensor[][] = [];
  let sizeBytes = Infinity;
  for (const tensor of tensors) {
    const bytes = bytesOf(tensor, type);
    if (sizeBytes + bytes > limit) {
      shards.push([]);
      sizeBytes = 0;
    }
    shards.at(-1)?.push(tensor);
    sizeBytes += bytes;
  }
  return shards;
}

function shardName(index: number, count: number): string {
  const number = (value: number) => String(value).padStart(5, "0");
  return count === 1
    ? "model.safetensors"
    : `model-${number(index + 1)}-of-${number(count)}.safetensors`;
}

function shardPart({ name, tensors }: Shard, type: FloatType, signal: AbortSignal): ZipPart {
  const infos = tensors.map((tensor) => ({ name: tensor.name, dtype: type, shape: tensor.shape }));
  const header = safetensorsHeader(infos, { format: "pt" });
  const dataBytes = tensors.reduce((sum, tensor) => sum + bytesOf(tensor, type), 0);
  return {
    name,
    sizeBytes: header.length + dataBytes,
    open: async function* () {
      yield header;
      for (const tensor of tensors) {
        for await (const values of tensor.rows(signal)) {
          signal.throwIfAborted();
          yield quantize(type, values, `tensor ${tensor.name}`);
        }
      }
    },
  };
}

function indexOf(shards: readonly Shard[], type: FloatType): string {
  const all = shards.flatMap(({ tensors }) => tensors);
  const total_size = all.reduce((sum, tensor) => sum + bytesOf(tensor, type), 0);
  const weight_map = Object.fromEntries(
    shards.flatMap(({ name, tensors }) => tensors.map((tensor) => [tensor.name, name])),
  );
  return `${JSON.stringify({ metadata: { total_size }, weight_map }, null, 2)}\n`;
}

const torchNames: Readonly<Record<FloatType, string>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/** The weights are plain now. transformers 5 writes `dtype`, older files have `torch_dtype`. */
function configOf(text: string, type: FloatType): string {
  const entries = Object.entries(JSON.parse(text) as object).filter(
    ([key]) => key !== "quantization_config" && key !== "quantization",
  );
  const key = entries.some(([name]) => name === "torch_dtype") ? "torch_dtype" : "dtype";
  const fields = { ...Object.fromEntries(entries), [key]: torchNames[type] };
  return `${JSON.stringify(fields, null, 2)}\n`;
}

function textPart(name: string, text: string): ZipPart {
  const bytes = new TextEncoder().encode(text);
  return {
    name,
    sizeBytes: bytes.length,
    open: async function* () {
      yield await Promise.resolve(bytes);
    },
  };
}
