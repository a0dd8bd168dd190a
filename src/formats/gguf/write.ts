// Writes GGUF version 3, byte for byte like gguf-py's GGUFWriter: the header, then tensor after
// tensor as a stream, so that no file is in memory as a whole.
// Source: ggml-org/llama.cpp gguf-py/gguf/gguf_writer.py, gguf 0.19.
import { invariant } from "../../util/assert.ts";
import { concatBytes } from "../../util/bytes.ts";
import { quantize, typeOf, type EncodableType } from "./quantize.ts";
import { alignUp } from "./tensor-info.ts";
import {
  encodeCount,
  encodeEntry,
  encodeString,
  encodeU32,
  type TypedMetadata,
} from "./write-value.ts";

/** A tensor to be written. */
export interface TensorToWrite {
  readonly name: string;
  readonly type: EncodableType;
  /** Row-major: the last is the length of a row, which must be whole blocks of the type. */
  readonly shape: readonly number[];
  /** Its values as f32 in order, in pieces of whole rows. */
  readonly rows: (signal: AbortSignal) => AsyncIterable<Float32Array> | Iterable<Float32Array>;
}

const version = 3;
const alignment = 32;
/** ggml has 64 bytes for a name, the last of them 0. */
const maxNameBytes = 63;
const maxDimensions = 4;

/** @throws Error as {@link ggufParts} */
export function ggufSizeBytes(metadata: TypedMetadata, tensors: readonly TensorToWrite[]): number {
  const dataBytes = tensors.reduce(
    (sum, tensor) => sum + alignUp(tensorBytes(tensor), alignment),
    0,
  );
  return encodeHeader(metadata, tensors).length + dataBytes;
}

/**
 * The file in consecutive parts, each at most a piece of a tensor.
 * @throws Error for a repeated name, or one or a shape that ggml refuses; UserError "wrong-dtype"
 *   for a value outside its type; what `rows` throws; the signal's AbortError
 */
export async function* ggufParts(
  metadata: TypedMetadata,
  tensors: readonly TensorToWrite[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  yield encodeHeader(metadata, tensors);
  for (const tensor of tensors) {
    yield* tensorParts(tensor, signal);
    yield padding(tensorBytes(tensor));
  }
}

async function* tensorParts(
  tensor: TensorToWrite,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { name, type, shape, rows } = tensor;
  let written = 0;
  for await (const values of rows(signal)) {
    signal.throwIfAborted();
    const bytes = quantize(type, values, `tensor ${name}`);
    written += bytes.length;
    yield bytes;
  }
  const needed = tensorBytes(tensor);
  invariant(
    written === needed,
    `${name} ${type} [${shape.join(", ")}] has ${written} bytes of ${needed}`,
  );
}

function encodeHeader(
  metadata: TypedMetadata,
  tensors: readonly TensorToWrite[],
): Uint8Array<ArrayBuffer> {
  requireOnce(
    "key",
    metadata.map(([key]) => key),
  );
  requireOnce(
    "tensor",
    tensors.map(({ name }) => name),
  );
  let offset = 0;
  const infos = tensors.map((tensor) => {
    const info = encodeInfo(tensor, offset);
    offset += alignUp(tensorBytes(tensor), alignment);
    return info;
  });
  const header = concatBytes([
    new TextEncoder().encode("GGUF"),
    encodeU32(version),
    encodeCount(tensors.length),
    encodeCount(metadata.length),
    ...metadata.map(([key, value]) => encodeEntry(key, value)),
    ...infos,
  ]);
  return concatBytes([header, padding(header.length)]);
}

function encodeInfo({ name, type, shape }: TensorToWrite, offset: number): Uint8Array<ArrayBuffer> {
  const nameBytes = new TextEncoder().encode(name).length;
  invariant(
    nameBytes > 0 && nameBytes <= maxNameBytes,
    `"${name}" cannot be the name of a tensor in ggml`,
  );
  const isShape = shape.every((size) => Number.isSafeInteger(size) && size > 0);
  invariant(
    isShape && shape.length > 0 && shape.length <= maxDimensions,
    `${name} has the shape [${shape.join(", ")}]`,
  );
  const columns = shape.at(-1) ?? 1;
  invariant(columns % typeOf(type).blockSize === 0, `${name}: ${type} with rows of ${columns}`);
  return concatBytes([
    encodeString(name),
    encodeU32(shape.length),
    ...[...shape].reverse().map(encodeCount),
    encodeU32(typeOf(type).id),
    encodeCount(offset),
  ]);
}

/** Bytes of its values, without the padding behind them. */
export function tensorBytes({ type, shape }: TensorToWrite): number {
  const { blockSize, blockBytes } = typeOf(type);
  const values = shape.reduce((product, size) => product * size, 1);
  return (values / blockSize) * blockBytes;
}

function padding(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(alignUp(length, alignment) - length);
}

function requireOnce(what: string, names: readonly string[]): void {
  invariant(new Set(names).size === names.length, `a ${what} repeats: ${names.join(", ")}`);
}
