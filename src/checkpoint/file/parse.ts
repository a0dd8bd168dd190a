// Parsers of JSON that may be damaged or foreign: each receives an unknown value and its place, and
// returns a checked value or throws "bad-checkpoint" with that place. Unknown fields are rejected:
// a new field requires a new schema.
import { badCheckpoint } from "./bad-checkpoint.ts";
import { shortJson } from "../../util/short-json.ts";

export type Parser<T> = (value: unknown, place: string) => T;

type Fields<T> = { readonly [Key in keyof T]-?: Parser<Exclude<T[Key], undefined>> };

export const text: Parser<string> = (value, place) => {
  if (typeof value !== "string") {
    throw unexpected(value, "a text", place);
  }
  return value;
};

export const bool: Parser<boolean> = (value, place) => {
  if (typeof value !== "boolean") {
    throw unexpected(value, "true or false", place);
  }
  return value;
};

/** SHA-256 in 64 lower-case hex digits. */
export const sha256: Parser<string> = (value, place) => {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) {
    throw unexpected(value, "a SHA-256 in 64 hex digits", place);
  }
  return value;
};

export const finite: Parser<number> = (value, place) => {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw unexpected(value, "a number", place);
  }
  return value;
};

/** A whole number from `min` up to `max`. */
export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Parser<number> {
  return (value, place) => {
    if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
      throw unexpected(value, `a whole number from ${min} to ${max}`, place);
    }
    return value;
  };
}

export function nullable<T>(parse: Parser<T>): Parser<T | null> {
  return (value, place) => (value === null ? null : parse(value, place));
}

export function listOf<T>(parse: Parser<T>): Parser<T[]> {
  return (value, place) => {
    if (!Array.isArray(value)) {
      throw unexpected(value, "a list", place);
    }
    return value.map((item, i) => parse(item, `${place}[${i}]`));
  };
}

/** An object with all `required` fields, any `optional` ones and no others. */
export function record<Required extends object, Optional extends object = object>(
  required: Fields<Required>,
  optional?: Fields<Optional>,
): Parser<Required & Partial<Optional>> {
  const parsers = new Map<string, Parser<unknown>>([
    ...Object.entries<Parser<unknown>>(required),
    ...Object.entries<Parser<unknown>>(optional ?? {}),
  ]);
  return (value, place) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw unexpected(value, "an object", place);
    }
    const missing = Object.keys(required).find((key) => !Object.hasOwn(value, key));
    if (missing !== undefined) {
      throw badCheckpoint("This field is missing.", `${place}.${missing}`);
    }
    const parsed = Object.entries(value).map(([key, field]): [string, unknown] => {
      const parse = parsers.get(key);
      if (parse === undefined) {
        throw badCheckpoint("This field is unknown.", `${place}.${key}`);
      }
      return [key, parse(field, `${place}.${key}`)];
    });
    return Object.fromEntries(parsed) as Required & Partial<Optional>;
  };
}

/** Parses JSON text and checks its value. */
export function parseJson<T>(json: string, parse: Parser<T>, place: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw badCheckpoint(`This is not JSON (${String(cause)}).`, place, cause);
  }
  return parse(value, place);
}

function unexpected(value: unknown, wanted: string, place: string) {
  const shown = shortJson(value).slice(0, 60);
  return badCheckpoint(`This must be ${wanted}, not ${shown}.`, place);
}
