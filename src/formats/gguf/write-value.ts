// Writes metadata values of a GGUF file, each with its type before it.
// Source: ggml-org/ggml docs/gguf.md (gguf_metadata_value_t).
import { invariant } from "../../util/assert.ts";
import { concatBytes } from "../../util/bytes.ts";
import { bytesByType, idOfValueType, maxKeyBytes, type FixedType } from "./value-types.ts";

export type NumberType = Exclude<FixedType, "bool">;

/** A value to be written. Readers expect one type of each known key, so it is never guessed. */
export type TypedValue =
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: NumberType; readonly value: number }
  | { readonly type: "array"; readonly of: "string"; readonly value: readonly string[] }
  | { readonly type: "array"; readonly of: NumberType; readonly value: ArrayLike<number> };

/** Keys with their values, in the order of the file. */
export type TypedMetadata = readonly (readonly [key: string, value: TypedValue])[];

/**
 * A key with its value.
 * @throws Error for a key without text, text without UTF-8, or a number outside its type
 */
export function encodeEntry(key: string, value: TypedValue): Uint8Array<ArrayBuffer> {
  const name = encodeString(key);
  invariant(key !== "" && name.length - lengthBytes <= maxKeyBytes, `"${key}" cannot be a key`);
  return concatBytes([name, encodeTyped(key, value)]);
}

/** Length and UTF-8 bytes. @throws Error for half a surrogate pair, which has no UTF-8 */
export function encodeString(text: string): Uint8Array<ArrayBuffer> {
  invariant(!/\p{Surrogate}/u.test(text), "a text holds half a surrogate pair");
  const bytes = new TextEncoder().encode(text);
  return concatBytes([encodeCount(bytes.length), bytes]);
}

/** u32, little-endian. */
export function encodeU32(value: number): Uint8Array<ArrayBuffer> {
  return encodeNumbers("u32", [value], "a count");
}

/** u64, little-endian. */
export function encodeCount(value: number): Uint8Array<ArrayBuffer> {
  return encodeNumbers("u64", [value], "a count");
}

const lengthBytes = 8;

function encodeTyped(key: string, typed: TypedValue): Uint8Array<ArrayBuffer> {
  const type = encodeU32(idOfValueType(typed.type));
  if (typed.type === "string") {
    return concatBytes([type, encodeString(typed.value)]);
  }
  if (typed.type === "bool") {
    return concatBytes([type, Uint8Array.of(typed.value ? 1 : 0)]);
  }
  if (typed.type !== "array") {
    return concatBytes([type, encodeNumbers(typed.type, [typed.value], key)]);
  }
  const items =
    typed.of === "string"
      ? typed.value.map(encodeString)
      : [encodeNumbers(typed.of, typed.value, key)];
  const count = encodeCount(typed.value.length);
  return concatBytes([type, encodeU32(idOfValueType(typed.of)), count, ...items]);
}

const encoders: Readonly<Record<NumberType, (values: ArrayLike<number>) => ArrayBuffer>> = {
  u8: (values) => Uint8Array.from(values).buffer,
  i8: (values) => Int8Array.from(values).buffer,
  u16: (values) => Uint16Array.from(values).buffer,
  i16: (values) => Int16Array.from(values).buffer,
  u32: (values) => Uint32Array.from(values).buffer,
  i32: (values) => Int32Array.from(values).buffer,
  f32: (values) => Float32Array.from(values).buffer,
  f64: (values) => Float64Array.from(values).buffer,
  u64: (values) => BigUint64Array.from(Array.from(values, BigInt)).buffer,
  i64: (values) => BigInt64Array.from(Array.from(values, BigInt)).buffer,
};

function encodeNumbers(
  type: NumberType,
  values: ArrayLike<number>,
  key: string,
): Uint8Array<ArrayBuffer> {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? NaN;
    invariant(isWithin(type, value), `${key}: ${value} is no ${type}`);
  }
  return new Uint8Array(encoders[type](values));
}

function isWithin(type: NumberType, value: number): boolean {
  if (type === "f32" || type === "f64") {
    return Number.isFinite(type === "f32" ? Math.fround(value) : value);
  }
  const bits = bytesByType[type] * 8;
  const isSigned = type.startsWith("i");
  const lowest = isSigned ? -(2 ** (bits - 1)) : 0;
  return Number.isSafeInteger(value) && value >= lowest && value < lowest + 2 ** bits;
}
