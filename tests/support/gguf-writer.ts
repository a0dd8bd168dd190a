// Writes small GGUF files, valid or not: each part can be replaced by arbitrary bytes.

/** A metadata value with its type before it, as stored in a file. */
export type Typed = Uint8Array;

export interface WrittenTensor {
  name: string;
  /** Length of a row first. */
  ne: readonly (number | bigint)[];
  /** Number of the type in the file. */
  type: number;
  data: Uint8Array;
  /** Offset from the start of the data; the correct one by default. */
  offset?: bigint;
}

export interface Parts {
  magic?: string;
  version?: number;
  /** Counts in the header; the correct ones by default. */
  tensorCount?: bigint;
  keyCount?: bigint;
  metadata?: readonly (readonly [key: string, value: Typed])[];
  tensors?: readonly WrittenTensor[];
  alignment?: number;
}

const numbers = { u8: 0, i8: 1, u16: 2, i16: 3, u32: 4, i32: 5, f32: 6, u64: 10, i64: 11, f64: 12 };
const text = 8;
const array = 9;

export type NumberType = keyof typeof numbers;

/** u32, little-endian. */
export function u32(value: number): Uint8Array {
  return bare("u32", value);
}

export function u64(value: bigint | number): Uint8Array {
  return bare("u64", value);
}

/** Length and bytes. */
export function string(value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return joined([u64(bytes.length), bytes]);
}

export function number(type: NumberType, value: number | bigint): Typed {
  return joined([u32(numbers[type]), bare(type, value)]);
}

export function bool(value: boolean): Typed {
  return Uint8Array.of(7, 0, 0, 0, value ? 1 : 0);
}

export function str(value: string): Typed {
  return joined([u32(text), string(value)]);
}

export function strings(values: readonly string[]): Typed {
  return joined([
    u32(array),
    u32(text),
    u64(values.length),
    ...values.map((value) => string(value)),
  ]);
}

export function list(type: NumberType, values: readonly (number | bigint)[]): Typed {
  const items = values.map((value) => bare(type, value));
  return joined([u32(array), u32(numbers[type]), u64(values.length), ...items]);
}

export function f32Tensor(
  name: string,
  ne: readonly number[],
  values: Float32Array,
): WrittenTensor {
  return { name, ne, type: 0, data: bytesOf(values) };
}

export function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The whole file. */
export function writeGguf(parts: Parts): Uint8Array<ArrayBuffer> {
  const { magic = "GGUF", version = 3, metadata = [], tensors = [], alignment = 32 } = parts;
  const offsets: number[] = [];
  let dataEnd = 0;
  for (const { data } of tensors) {
    offsets.push(dataEnd);
    dataEnd += padded(data.length, alignment);
  }
  const header = joined([
    new TextEncoder().encode(magic),
    u32(version),
    u64(parts.tensorCount ?? tensors.length),
    u64(parts.keyCount ?? metadata.length),
    ...metadata.flatMap(([key, value]) => [string(key), value]),
    ...tensors.map(({ name, ne, type, offset }, index) =>
      joined([
        string(name),
        u32(ne.length),
        ...ne.map((size) => u64(size)),
        u32(type),
        u64(offset ?? offsets[index]!),
      ]),
    ),
  ]);
  const dataStart = tensors.length === 0 ? header.length : padded(header.length, alignment);
  const file = new Uint8Array(dataStart + dataEnd);
  file.set(header);
  tensors.forEach(({ data }, index) => {
    file.set(data, dataStart + offsets[index]!);
  });
  return file;
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

function padded(length: number, alignment: number): number {
  return Math.ceil(length / alignment) * alignment;
}

function bare(type: NumberType, value: number | bigint): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  const write: Record<NumberType, () => number> = {
    u8: () => (view.setUint8(0, Number(value)), 1),
    i8: () => (view.setInt8(0, Number(value)), 1),
    u16: () => (view.setUint16(0, Number(value), true), 2),
    i16: () => (view.setInt16(0, Number(value), true), 2),
    u32: () => (view.setUint32(0, Number(value), true), 4),
    i32: () => (view.setInt32(0, Number(value), true), 4),
    f32: () => (view.setFloat32(0, Number(value), true), 4),
    u64: () => (view.setBigUint64(0, BigInt(value), true), 8),
    i64: () => (view.setBigInt64(0, BigInt(value), true), 8),
    f64: () => (view.setFloat64(0, Number(value), true), 8),
  };
  return new Uint8Array(view.buffer, 0, write[type]());
}
