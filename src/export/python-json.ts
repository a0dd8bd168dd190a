// Writes JSON as Python's json.dumps(indent=2, sort_keys=True), so that files equal those of PEFT
// and transformers byte for byte: sorted keys, ASCII only, floats that stay floats (0.0, 1e-05).
import { invariant } from "../util/assert.ts";

/** A number that is a float in Python: 0 is written as 0.0. Other whole numbers are ints. */
export class PythonFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export type PythonValue =
  | null
  | boolean
  | number
  | string
  | PythonFloat
  | readonly PythonValue[]
  | { readonly [key: string]: PythonValue };

/**
 * The text without a line break at its end. Keys are sorted by UTF-16 unit, which is Python's order
 * for ASCII.
 */
export function pythonJson(value: PythonValue, indent = ""): string {
  if (value instanceof PythonFloat) {
    return floatText(value.value);
  }
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? String(value) : floatText(value);
  }
  if (typeof value === "string") {
    return asciiText(value);
  }
  if (value === null || typeof value === "boolean") {
    return String(value);
  }
  const inner = `${indent}  `;
  return isList(value)
    ? block(
        "[",
        "]",
        value.map((item) => pythonJson(item, inner)),
        indent,
      )
    : block("{", "}", members(value, inner), indent);
}

function members(value: Readonly<Record<string, PythonValue>>, indent: string): string[] {
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${asciiText(key)}: ${pythonJson(item, indent)}`);
}

function block(open: string, close: string, items: readonly string[], indent: string): string {
  return items.length === 0
    ? open + close
    : `${open}\n${items.map((item) => `${indent}  ${item}`).join(",\n")}\n${indent}${close}`;
}

/**
 * Python's repr: the shortest digits that read back, as JavaScript's, with an exponent below 1e-4
 * and from 1e16.
 */
function floatText(value: number): string {
  invariant(Number.isFinite(value), `JSON cannot hold ${value}`);
  const [mantissa = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 16) {
    return `${mantissa}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function asciiText(text: string): string {
  return JSON.stringify(text).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Array.isArray does not know read-only arrays. */
function isList(value: PythonValue): value is readonly PythonValue[] {
  return Array.isArray(value);
}
