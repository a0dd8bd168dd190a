// Reads one entry of a GGUF file's metadata: its key and its value.
import { unreachable } from "../../util/assert.ts";
import type { Cursor } from "./cursor.ts";
import { badHeader, quoted } from "./fault.ts";
import {
  bytesByType,
  maxItems,
  maxKeyBytes,
  maxStringBytes,
  maxStrings,
  valueTypeOf,
  type FixedType,
  type GgufArray,
  type GgufValue,
  type ValueType,
} from "./value-types.ts";

export interface MetadataEntry {
  readonly key: string;
  readonly type: ValueType;
  readonly value: GgufValue;
}

/** @throws UserError "bad-header" */
export function readEntry(cursor: Cursor, index: number, fileName: string): MetadataEntry {
  cursor.where = `${fileName}, key ${index + 1}`;
  const key = cursor.string("key", maxKeyBytes);
  if (key === "") {
    throw badHeader("It is empty.", cursor.where);
  }
  cursor.where = `${fileName}, key ${quoted(key)}`;
  const type = readType(cursor);
  return { key, type, value: readValue(cursor, type) };
}

function readType(cursor: Cursor): ValueType {
  const id = cursor.u32();
  const type = valueTypeOf(id);
  if (type === undefined) {
    throw badHeader(`Its type is ${id}; types range from 0 to 12.`, cursor.where);
  }
  return type;
}

function readValue(cursor: Cursor, type: ValueType): GgufValue {
  if (type === "string") {
    return cursor.string("text", maxStringBytes);
  }
  return type === "array"
    ? readArray(cursor)
    : scalarOf(readFixed(cursor, type, 1), type, cursor.where);
}

function readArray(cursor: Cursor): GgufArray {
  const type = readType(cursor);
  if (type === "array") {
    throw badHeader("It is an array of arrays, which ggml does not support either.", cursor.where);
  }
  if (type !== "string") {
    return readFixed(cursor, type, cursor.count("items", maxItems));
  }
  const strings: string[] = [];
  const count = cursor.count("strings", maxStrings);
  const { where } = cursor;
  for (let index = 0; index < count; index++) {
    cursor.where = `${where}, item ${index}`;
    strings.push(cursor.string("text", maxStringBytes));
  }
  cursor.where = where;
  return strings;
}

function readFixed(cursor: Cursor, type: FixedType, count: number) {
  const { buffer } = cursor.bytes(count * bytesByType[type]);
  switch (type) {
    case "bool":
      return checkBooleans(new Uint8Array(buffer), cursor.where);
    case "u8":
      return new Uint8Array(buffer);
    case "i8":
      return new Int8Array(buffer);
    case "u16":
      return new Uint16Array(buffer);
    case "i16":
      return new Int16Array(buffer);
    case "u32":
      return new Uint32Array(buffer);
    case "i32":
      return new Int32Array(buffer);
    case "f32":
      return new Float32Array(buffer);
    case "f64":
      return new Float64Array(buffer);
    case "u64":
      return new BigUint64Array(buffer);
    case "i64":
      return new BigInt64Array(buffer);
    default:
      return unreachable(type);
  }
}

function checkBooleans(values: Uint8Array, where: string): Uint8Array {
  const wrong = values.find((value) => value > 1);
  if (wrong !== undefined) {
    throw badHeader(`A boolean is ${wrong}; it must be 0 or 1.`, where);
  }
  return values;
}

function scalarOf(
  [value]: ReturnType<typeof readFixed>,
  type: FixedType,
  where: string,
): number | bigint | boolean {
  if (value === undefined) {
    throw badHeader("It has no value.", where);
  }
  if (type === "bool") {
    return value === 1;
  }
  const isExact = typeof value === "bigint" && BigInt.asIntN(54, value) === value;
  return isExact ? Number(value) : value;
}
