// Writes safetensors, byte for byte like the Rust library: sorted by dtype and name, header padded
// to 8 bytes. Source: huggingface/safetensors 24b0b28, safetensors/src/tensor.rs (prepare,
// serialize).
import { invariant } from "../util/assert.ts";
import { concatBytes } from "../util/bytes.ts";
import {
  dtypes,
  lengthBytes,
  maxHeaderBytes,
  maxNameLength,
  tensorBytes,
  type Dtype,
} from "./safetensors-layout.ts";

/** A tensor to be written. */
export interface TensorData {
  readonly name: string;
  readonly dtype: Dtype;
  /** Row-major; empty for a scalar. */
  readonly shape: readonly number[];
  /** The values in the layout of the dtype; their bytes are copied, never converted. */
  readonly data: ArrayBufferView;
}

/**
 * The whole file. The order of `tensors` does not matter; `metadata` keeps its order.
 * @throws Error for a repeated name, data that does not fill its shape, or text without UTF-8
 */
export function encodeSafetensors(
  tensors: readonly TensorData[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  return concatBytes(safetensorsParts(tensors, metadata));
}

/** The header's length, the header, then each tensor. */
export type SafetensorsParts = [length: Uint8Array, header: Uint8Array, ...tensors: Uint8Array[]];

/**
 * The file in consecutive parts; those of the tensors are views of their bytes, without a copy.
 * @throws Error as {@link encodeSafetensors}
 */
export function safetensorsParts(
  tensors: readonly TensorData[],
  metadata?: Readonly<Record<string, string>>,
): SafetensorsParts {
  const sorted = sortAsRust(tensors);
  const header = encodeHeader(sorted, metadata);
  return [lengthOf(header), header, ...sorted.map(({ data }) => bytesOf(data))];
}

/**
 * Length and header of a file whose tensors' bytes follow in the given order, for a file that is
 * never in memory as a whole.
 * @throws Error as {@link encodeSafetensors}
 */
export function safetensorsHeader(
  tensors: readonly Omit<TensorData, "data">[],
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const sized = tensors.map((tensor) => ({
    ...tensor,
    data: { byteLength: tensorBytes(tensor.dtype, tensor.shape) ?? NaN },
  }));
  const header = encodeHeader(sized, metadata);
  return concatBytes([lengthOf(header), header]);
}

function lengthOf(header: Uint8Array): Uint8Array {
  const length = new Uint8Array(lengthBytes);
  new DataView(length.buffer).setBigUint64(0, BigInt(header.length), true);
  return length;
}

/**
 * Sorts by falling dtype, then by the UTF-8 bytes of the name; `<` would compare UTF-16 units.
 */
function sortAsRust(tensors: readonly TensorData[]): TensorData[] {
  const encoder = new TextEncoder();
  return tensors
    .map((tensor) => ({
      tensor,
      rank: dtypes.indexOf(tensor.dtype),
      utf8: encoder.encode(tensor.name),
    }))
    .sort((a, b) => b.rank - a.rank || compareBytes(a.utf8, b.utf8))
    .map(({ tensor }) => tensor);
}

/** What a header says of a tensor's data. */
type Sized = Omit<TensorData, "data"> & { readonly data: Pick<ArrayBufferView, "byteLength"> };

function encodeHeader(
  tensors: readonly Sized[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array<ArrayBuffer> {
  const fields = metadata === undefined ? [] : [`"__metadata__":${encodeMetadata(metadata)}`];
  const names = new Set<string>();
  let end = 0;
  for (const { name, dtype, shape, data } of tensors) {
    invariant(!names.has(name), `two tensors are called ${name}`);
    names.add(name);
    checkTensor(name, dtype, shape, data);
    const begin = end;
    end += data.byteLength;
    fields.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`,
    );
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const padded = new Uint8Array(Math.ceil(json.length / lengthBytes) * lengthBytes).fill(0x20);
  invariant(
    padded.length <= maxHeaderBytes,
    `the header has ${padded.length} bytes; readers accept ${maxHeaderBytes}`,
  );
  padded.set(json);
  return padded;
}

function encodeMetadata(metadata: Readonly<Record<string, string>>): string {
  for (const [key, value] of Object.entries(metadata)) {
    invariant(
      isWellFormed(key) && isWellFormed(value),
      `the metadata "${key}" holds half a surrogate pair`,
    );
  }
  return JSON.stringify(metadata);
}

function checkTensor(
  name: string,
  dtype: Dtype,
  shape: readonly number[],
  data: Sized["data"],
): void {
  invariant(
    name !== "__metadata__" && name.length <= maxNameLength && isWellFormed(name),
    `"${name}" cannot be the name of a tensor`,
  );
  const needed = tensorBytes(dtype, shape);
  invariant(
    needed === data.byteLength && shape.every((dimension) => dimension >= 0),
    `${name} is ${dtype} [${shape.join(", ")}], which needs ${needed ?? "over 2^53"} bytes, not ${data.byteLength}`,
  );
}

/** Half a surrogate pair has no UTF-8; with the u flag a whole pair does not match. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function bytesOf(data: ArrayBufferView): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const differs = a.findIndex((byte, i) => byte !== b[i]);
  return differs === -1 ? a.length - b.length : (a[differs] ?? 0) - (b[differs] ?? -1);
}
