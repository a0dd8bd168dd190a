// str() and repr() of a template's values, and Python's white space.
// Source: Python's unicodeobject.c (repr), float_repr_style "short", str.isspace.
import {
  Float,
  Namespace,
  RangeValue,
  Stream,
  Thing,
  Tuple,
  typeName,
  Undefined,
  View,
  type Value,
} from "./values.ts";

/** The characters of str.isspace, as members of a class. */
export const whiteSpace =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const leading = new RegExp(`^[${whiteSpace}]+`);
const trailing = new RegExp(`[${whiteSpace}]+$`);

export function stripLeft(text: string): string {
  return text.replace(leading, "");
}

/** Written as a loop: the regular expression would be quadratic in the spaces of a text. */
export function stripRight(text: string): string {
  let end = text.length;
  while (end > 0 && trailing.test(text.slice(end - 1, end))) {
    end--;
  }
  return text.slice(0, end);
}

/** str(value) */
export function toText(value: Value): string {
  if (typeof value === "string") {
    return value;
  }
  return value instanceof Undefined ? "" : repr(value);
}

export function repr(value: Value): string {
  if (value === null) {
    return "None";
  }
  if (typeof value === "string") {
    return quoted(value);
  }
  if (typeof value === "boolean") {
    return value ? "True" : "False";
  }
  if (typeof value === "number") {
    return String(value);
  }
  if (value instanceof Float) {
    return floatText(value.value);
  }
  if (Array.isArray(value)) {
    return `[${listed(value)}]`;
  }
  if (value instanceof Map) {
    const pairs = [...value].map(([key, item]) => `${repr(key)}: ${repr(item)}`);
    return `{${pairs.join(", ")}}`;
  }
  if (value instanceof Tuple) {
    return `(${listed(value.items)}${value.items.length === 1 ? "," : ""})`;
  }
  if (value instanceof View) {
    return `${value.kind}([${listed(value.items)}])`;
  }
  if (value instanceof RangeValue) {
    const { start, stop, step } = value;
    return `range(${start}, ${stop}${step === 1 ? "" : `, ${step}`})`;
  }
  if (value instanceof Namespace) {
    return `<Namespace ${repr(value.attributes)}>`;
  }
  if (value instanceof Thing || value instanceof Stream) {
    return `<${typeName(value)}>`;
  }
  return "Undefined";
}

function listed(items: readonly Value[]): string {
  return items.map(repr).join(", ");
}

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\']|(?! )[\p{C}\p{Z}]/gu, (character) => {
    if (character === "'") {
      return quote === "'" ? "\\'" : "'";
    }
    return escapes[character] ?? byNumber(character);
  });
  return quote + escaped + quote;
}

function byNumber(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const hex = (digits: number) => code.toString(16).padStart(digits, "0");
  return code < 0x100 ? `\\x${hex(2)}` : code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}

/** repr() of a float: the shortest digits that parse to it, with a point or a 2-digit exponent. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) {
    return "nan";
  }
  if (!Number.isFinite(value)) {
    return value > 0 ? "inf" : "-inf";
  }
  if (Object.is(value, -0)) {
    return "-0.0";
  }
  const magnitude = Math.abs(value);
  if (value !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  const text = String(value);
  return text.includes(".") ? text : `${text}.0`;
}
