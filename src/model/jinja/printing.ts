// str() and repr() of a template's values, and Python's white space.
// Source: Python's unicodeobject.c (repr), float_repr_style "short", str.isspace.
import { asOwned, keysOf } from "./tracing/containers.ts";
import { cut, glue, plain, replaced, whole, type Text } from "./tracing/traced.ts";
import {
  Float,
  isText,
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

export function stripLeft(text: Text): Text {
  const spaces = leading.exec(plain(text));
  return spaces === null ? text : cut(text, spaces[0].length);
}

/** Written as a loop: the regular expression would be quadratic in the spaces of a text. */
export function stripRight(text: Text): Text {
  const all = plain(text);
  let end = all.length;
  while (end > 0 && trailing.test(all.slice(end - 1, end))) {
    end--;
  }
  return end === all.length ? text : cut(text, 0, end);
}

/** str(value), without its origins. */
export function toText(value: Value): string {
  return typeof value === "string" ? value : plain(printed(value));
}

/** str(value) */
export function printed(value: Value): Text {
  if (isText(value)) {
    return value;
  }
  return value instanceof Undefined ? "" : repr(value);
}

export function repr(value: Value): Text {
  if (value === null) {
    return "None";
  }
  if (isText(value)) {
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
    return asOwned(value, enclosed("[", value.map(repr), "]"));
  }
  if (value instanceof Map) {
    return asOwned(value, enclosed("{", pairs(value), "}"));
  }
  if (value instanceof Tuple) {
    return asOwned(
      value,
      enclosed("(", value.items.map(repr), value.items.length === 1 ? ",)" : ")"),
    );
  }
  if (value instanceof View) {
    return enclosed(`${value.kind}([`, value.items.map(repr), "])");
  }
  if (value instanceof RangeValue) {
    const { start, stop, step } = value;
    return `range(${start}, ${stop}${step === 1 ? "" : `, ${step}`})`;
  }
  if (value instanceof Namespace) {
    return glue(["<Namespace ", repr(value.attributes), ">"]);
  }
  if (value instanceof Thing || value instanceof Stream) {
    return `<${typeName(value)}>`;
  }
  return "Undefined";
}

/** The reprs of the items, in brackets. */
function enclosed(open: string, items: readonly Text[], close: string): Text {
  return glue([open, glue(items, ", "), close]);
}

function pairs(dict: ReadonlyMap<Value, Value>): Text[] {
  const values = [...dict.values()];
  return keysOf<Value>(dict).map((key, index) =>
    glue([repr(key), ": ", repr(values[index] ?? null)]),
  );
}

const escapes: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function quoted(text: Text): Text {
  const all = plain(text);
  const quote = all.includes("'") && !all.includes('"') ? '"' : "'";
  const escaped = replaced(text, /[\\']|(?! )[\p{C}\p{Z}]/gu, ([character], found) => {
    const isQuote = character === "'";
    const escape = isQuote ? (quote === "'" ? "\\'" : "'") : escapes[character];
    return whole(escape ?? byNumber(character), [found]);
  });
  return glue([quote, escaped, quote]);
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
