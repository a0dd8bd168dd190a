// The types of metadata values of a GGUF file, and their limits.
// Source: ggml-org/ggml docs/gguf.md (gguf_metadata_value_type).

/** By the id in the file. */
const typesById = [
  "u8",
  "i8",
  "u16",
  "i16",
  "u32",
  "i32",
  "f32",
  "bool",
  "string",
  "array",
  "u64",
  "i64",
  "f64",
] as const;

export type ValueType = (typeof typesById)[number];

/** Numbers and booleans: of a fixed size. */
export type FixedType = Exclude<ValueType, "string" | "array">;

/** Booleans in an array are bytes 0 and 1. */
export type GgufArray =
  | readonly string[]
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** A 64-bit integer is a bigint only where a number would not be exact. */
export type GgufValue = string | number | bigint | boolean | GgufArray;

export const bytesByType: Readonly<Record<FixedType, number>> = {
  u8: 1,
  i8: 1,
  bool: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  u64: 8,
  i64: 8,
  f64: 8,
};

/** The limit of the format. */
export const maxKeyBytes = 65_535;

/** Chat templates are below 100 kB, the licence texts of some files below 1 MB. */
export const maxStringBytes = 16 * 1024 ** 2;

/**
 * Numbers in an array. The header's size is the tighter limit; this one keeps byte counts exact.
 */
export const maxItems = 2 ** 40;

/** Gemma's vocabulary has 262,144 tokens, Llama 3's tokenizer 280,147 merges. */
export const maxStrings = 4_000_000;

/** Files have 20 to 60. */
export const maxKeys = 10_000;

export function valueTypeOf(id: number): ValueType | undefined {
  return typesById[id];
}

/** The id of a type in a file. */
export function idOfValueType(type: ValueType): number {
  return typesById.indexOf(type);
}
