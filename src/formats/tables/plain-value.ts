// Turns the values of a Parquet file into those that JSON has.
import { isRecord } from "./json-row.ts";

/** A struct of lists with one of these fields is a list of turns, stored by column. */
const fieldsOfTurns = ["role", "from", "content", "value"];

/**
 * Integers become numbers, or text where a number is not exact; dates ISO text; bytes, which are no
 * text, their count. A field that is null is left out within a struct, since a struct has all
 * fields in every row (`tool_calls: null`); a column that is null stays null. A struct of lists
 * with a field of turns becomes a list of structs (`Sequence({...})` of datasets).
 */
export function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? null : value.toISOString();
  }
  if (value instanceof Uint8Array) {
    return `${value.length} bytes`;
  }
  if (Array.isArray(value)) {
    return value.map(plainValue);
  }
  if (isRecord(value)) {
    const entries = Object.entries(value).filter(([, field]) => (field ?? null) !== null);
    return transposed(Object.fromEntries(entries.map(([key, field]) => [key, plainValue(field)])));
  }
  return typeof value === "number" && !Number.isFinite(value) ? null : (value ?? null);
}

/** Characters of all texts in the value, keys included. */
export function textLength(value: unknown): number {
  if (typeof value === "string") {
    return value.length;
  }
  if (Array.isArray(value)) {
    return value.reduce((sum: number, item) => sum + textLength(item), 0);
  }
  return isRecord(value)
    ? Object.entries(value).reduce((sum, [key, field]) => sum + key.length + textLength(field), 0)
    : 0;
}

function transposed(struct: Record<string, unknown>): unknown {
  const fields = Object.entries(struct);
  const length = Array.isArray(fields[0]?.[1]) ? fields[0][1].length : -1;
  const isByColumn =
    fields.some(([name]) => fieldsOfTurns.includes(name)) &&
    fields.every(([, list]) => Array.isArray(list) && list.length === length);
  return isByColumn
    ? Array.from({ length }, (_, i) =>
        Object.fromEntries(
          fields
            .map(([name, list]) => [name, (list as unknown[])[i]] as const)
            .filter(([, item]) => item !== null),
        ),
      )
    : struct;
}
