// Encodes a run as one safetensors file and decodes it: complete, or an error.
import type { AdapterTensor } from "../../adapter/state.ts";
import { blobSource, type ByteSource } from "../../formats/byte-source.ts";
import { openSafetensors, type SafetensorsFile } from "../../formats/safetensors.ts";
import {
  safetensorsParts,
  type SafetensorsParts,
  type TensorData,
} from "../../formats/safetensors-write.ts";
import { invariant } from "../../util/assert.ts";
import { concatBytes } from "../../util/bytes.ts";
import { badCheckpoint } from "./bad-checkpoint.ts";
import { reach } from "../database/kill-points.ts";
import { logPieces, type ByteRange } from "./log-pieces.ts";
import { currentSchema } from "./migrate.ts";
import { nonFinite, parseMetadata, writeMetadata } from "./metadata.ts";
import type { RunState } from "./run-state.ts";

/**
 * The prefixes of the three tensors of one LoRA matrix, by field of AdapterTensor.
 *
 * Each LoRA matrix has three F32 tensors of the same shape: the values under the PEFT name and the
 * two moments of AdamW under PyTorch's names. Everything else is JSON text in the metadata, see
 * metadata.ts. For one matrix of rank 8:
 *
 *   __metadata__: { format: "anneal-checkpoint", schema: "4", run, recipe, trainer, random, data,
 *                   base, tensors: '["base_model.model...q_proj.lora_A.weight"]' }
 *   base_model.model...q_proj.lora_A.weight                       F32 [8, 576]
 *   optimizer.exp_avg.base_model.model...q_proj.lora_A.weight     F32 [8, 576]
 *   optimizer.exp_avg_sq.base_model.model...q_proj.lora_A.weight  F32 [8, 576]
 *
 * `tensors` lists the names in the engine's order, because safetensors sorts them.
 */
const prefixes = {
  values: "",
  moment1: "optimizer.exp_avg.",
  moment2: "optimizer.exp_avg_sq.",
} as const;
type TensorField = keyof typeof prefixes;
const tensorFields: readonly TensorField[] = ["values", "moment1", "moment2"];

export function checkpointFileName(step: number): string {
  return `checkpoint-${step}.safetensors`;
}

/** A checkpoint's file, encoded range by range from the run's own tensors. */
export interface CheckpointFile extends ByteSource {
  /** Ranges that the run's next checkpoints have as well: the finished pieces of its log. */
  readonly logPieces: readonly ByteRange[];
  /**
   * Must be called after the last read: the ranges form one file only if no tensor changed.
   * @throws Error when a tensor changed
   */
  checkUnchanged(): void;
}

/**
 * The checkpoint of a run, all tensors F32. Everything but the tensors is copied by the call; the
 * tensors must not change until the file was read.
 * @throws UserError "non-finite-loss" when a tensor or number of the run is NaN or infinite
 */
export function checkpointFile(run: RunState): CheckpointFile {
  const parts = partsOf(run);
  const [length, header] = parts;
  const before = fingerprint(run.adapter.tensors);
  return {
    name: checkpointFileName(run.trainer.step),
    sizeBytes: parts.reduce((size, part) => size + part.length, 0),
    logPieces: logPieces(header, length.length),
    read(begin, end, signal) {
      signal?.throwIfAborted();
      return Promise.resolve(sliceOf(parts, begin, end));
    },
    checkUnchanged() {
      invariant(
        fingerprint(run.adapter.tensors) === before,
        "the adapter changed while it was saved",
      );
    },
  };
}

/**
 * The whole checkpoint in memory.
 * @throws UserError as {@link checkpointFile}
 */
export function encodeCheckpoint(run: RunState): Uint8Array<ArrayBuffer> {
  return concatBytes(partsOf(run));
}

/**
 * Decodes a checkpoint; the tensors have the engine's order.
 * @throws UserError "not-safetensors", "bad-header" or "unreadable-file" when it is not a sound
 *   safetensors file; "bad-checkpoint" when it is not a complete checkpoint of a known schema; the
 *   signal's AbortError
 */
export async function decodeCheckpoint(
  blob: Blob,
  fileName: string,
  signal?: AbortSignal,
): Promise<RunState> {
  return await decodeSource(blobSource(blob, fileName), signal);
}

/** As {@link decodeCheckpoint}, of any source. */
export async function decodeSource(source: ByteSource, signal?: AbortSignal): Promise<RunState> {
  const fileName = source.name;
  const file = await openSafetensors(source, signal);
  const { run, tensorNames } = parseMetadata(file.metadata, fileName);
  if (file.metadata.get("schema") !== String(currentSchema)) {
    await reach?.("in-migration");
  }
  refuseOthers(file, tensorNames, fileName);
  const tensors: AdapterTensor[] = [];
  for (const name of tensorNames) {
    tensors.push(await decodeTensor(file, name, fileName, signal));
  }
  return { ...run, adapter: { tensors } };
}

function partsOf(run: RunState): SafetensorsParts {
  invariant(run.adapter.tensors.length > 0, "a checkpoint without tensors");
  const fileName = checkpointFileName(run.trainer.step);
  const metadata = writeMetadata(run, fileName);
  // A file that could not be decoded must not be written.
  parseMetadata(new Map(Object.entries(metadata)), fileName);
  return safetensorsParts(
    run.adapter.tensors.flatMap((tensor) =>
      tensorFields.map((field) => encodeField(tensor, field, fileName)),
    ),
    metadata,
  );
}

/** A copy of bytes `begin` to `end` of the concatenated parts. */
function sliceOf(
  parts: readonly Uint8Array[],
  begin: number,
  end: number,
): Uint8Array<ArrayBuffer> {
  const slice = new Uint8Array(end - begin);
  let start = 0;
  for (const part of parts) {
    const from = Math.max(begin - start, 0);
    const to = Math.min(end - start, part.length);
    if (from < to) {
      slice.set(part.subarray(from, to), start + from - begin);
    }
    start += part.length;
  }
  return slice;
}

/** A 32-bit hash of all bits of all tensors: it detects a bug of ours, not damage. */
function fingerprint(tensors: readonly AdapterTensor[]): number {
  let hash = 0;
  for (const tensor of tensors) {
    for (const field of tensorFields) {
      const { buffer, byteOffset, length } = tensor[field];
      const words = new Uint32Array(buffer, byteOffset, length);
      for (let i = 0; i < words.length; i++) {
        hash = Math.imul(hash ^ (words[i] ?? 0), 0x9e3779b1) ^ (hash >>> 15);
      }
    }
  }
  return hash;
}

function encodeField(tensor: AdapterTensor, field: TensorField, fileName: string): TensorData {
  const name = prefixes[field] + tensor.name;
  const [rows, columns] = tensor.shape;
  const data = tensor[field];
  invariant(
    data.length === rows * columns,
    `${name} is [${rows}, ${columns}] but has ${data.length} values`,
  );
  const at = firstNonFinite(data);
  if (at !== -1) {
    throw nonFinite(`Value ${at} of ${data.length} is ${String(data[at])}.`, place(fileName, name));
  }
  return { name, dtype: "F32", shape: tensor.shape, data };
}

async function decodeTensor(
  file: SafetensorsFile,
  name: string,
  fileName: string,
  signal: AbortSignal | undefined,
): Promise<AdapterTensor> {
  const shape = matrixShape(file, name, fileName);
  return {
    name,
    shape,
    values: await decodeField(file, name, shape, fileName, signal),
    moment1: await decodeField(file, prefixes.moment1 + name, shape, fileName, signal),
    moment2: await decodeField(file, prefixes.moment2 + name, shape, fileName, signal),
  };
}

async function decodeField(
  file: SafetensorsFile,
  name: string,
  [rows, columns]: readonly [number, number],
  fileName: string,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const found = matrixShape(file, name, fileName);
  if (found[0] !== rows || found[1] !== columns) {
    throw badCheckpoint(
      `It is [${found.join(", ")}], but the adapter's tensor is [${rows}, ${columns}].`,
      place(fileName, name),
    );
  }
  const values = await file.readFloat32(name, signal);
  const at = firstNonFinite(values);
  if (at !== -1) {
    throw badCheckpoint(`Value ${at} is ${String(values[at])}.`, place(fileName, name));
  }
  return values;
}

function matrixShape(
  file: SafetensorsFile,
  name: string,
  fileName: string,
): readonly [number, number] {
  const info = file.tensors.get(name);
  if (info === undefined) {
    throw badCheckpoint("This tensor is missing.", place(fileName, name));
  }
  const [rows, columns] = info.shape;
  if (
    info.dtype !== "F32" ||
    info.shape.length !== 2 ||
    rows === undefined ||
    columns === undefined
  ) {
    throw badCheckpoint(
      `It is ${info.dtype} [${info.shape.join(", ")}], not an F32 matrix.`,
      place(fileName, name),
    );
  }
  return [rows, columns];
}

/** Requires that every tensor of the file belongs to the adapter and every name is unique. */
function refuseOthers(file: SafetensorsFile, tensorNames: readonly string[], fileName: string) {
  const known = new Set(
    tensorNames.flatMap((name) => tensorFields.map((field) => prefixes[field] + name)),
  );
  if (known.size !== tensorNames.length * tensorFields.length || known.size === 0) {
    throw badCheckpoint("It lists no tensor, or one twice.", `${fileName}, metadata.tensors`);
  }
  const other = [...file.tensors.keys()].find((name) => !known.has(name));
  if (other !== undefined) {
    throw badCheckpoint("This tensor does not belong in a checkpoint.", place(fileName, other));
  }
}

function place(fileName: string, tensorName: string): string {
  return `${fileName}, tensor ${JSON.stringify(tensorName)}`;
}

/** Index of the first NaN or infinity; -1 when all are finite. */
function firstNonFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      return i;
    }
  }
  return -1;
}
