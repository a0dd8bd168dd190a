// Filters, `x | name`, that map one value to one value.
// Source: jinja2/filters.py.
import { Bound } from "./arguments.ts";
import type { Environment, Filter } from "./environment.ts";
import { formatPercent } from "./formatting.ts";
import { toJson } from "./json.ts";
import { listFilters } from "./list-filters.ts";
import { attributeOf, pairsOf } from "./members.ts";
import { numeric } from "./operators.ts";
import { toText } from "./printing.ts";
import { capitalize, pad, replaceText, splitLines, strip } from "./text-methods.ts";
import {
  Float,
  isTrue,
  lengthOf,
  numberOf,
  Stream,
  TemplateFault,
  Tuple,
  typeName,
  Undefined,
  type Arguments,
  type Value,
} from "./values.ts";

const filters: Readonly<Record<string, Filter>> = {
  ...listFilters,
  default: (value, given) => {
    const bound = new Bound("default", ["default_value", "boolean"], given);
    const isWanted =
      value instanceof Undefined || (isTrue(bound.value("boolean", false)) && !isTrue(value));
    return isWanted ? bound.value("default_value", "") : value;
  },
  tojson: (value, given, { budget }) => toJson(value, given, budget),
  string: (value) => toText(value),
  safe: (value) => toText(value),
  upper: (value) => toText(value).toUpperCase(),
  lower: (value) => toText(value).toLowerCase(),
  capitalize: (value) => capitalize(toText(value)),
  title: (value) => titled(toText(value)),
  trim: (value, given) =>
    strip(toText(value), new Bound("trim", ["chars"], given).optionalText("chars"), "both"),
  escape: (value) => escapeHtml(toText(value)),
  replace: (value, given, { budget }) => {
    const bound = new Bound("replace", ["old", "new", "count"], given);
    const count = bound.value("count", null) === null ? -1 : bound.integer("count");
    const [old, replacement] = [toText(bound.required("old")), toText(bound.required("new"))];
    return replaceText(toText(value), old, replacement, count, budget);
  },
  indent: (value, given, { budget }) => {
    const text = indent(toText(value), new Bound("indent", ["width", "first", "blank"], given));
    budget.characters(text.length);
    return text;
  },
  center: (value, given, { budget }) => {
    const width = new Bound("center", ["width"], given).integer("width", 80);
    return pad(toText(value), "center", { positional: [width], keyword: new Map() }, budget);
  },
  wordcount: (value) => toText(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0,
  truncate: (value, given) => truncate(toText(value), given),
  format: (value, given, { budget }) => {
    const { positional, keyword } = given;
    const values = keyword.size > 0 ? new Map<Value, Value>(keyword) : new Tuple(positional);
    return formatPercent(toText(value), values, budget);
  },
  urlencode: (value) => encodeURIComponent(toText(value)).replaceAll("%2F", "/"),
  abs: (value) => {
    const number = numberOf(value);
    if (number === null) {
      throw new TemplateFault(`bad operand type for abs(): '${typeName(value)}'`);
    }
    return numeric(Math.abs(number), value instanceof Float);
  },
  int: (value, given) => {
    const bound = new Bound("int", ["default", "base"], given);
    return toInteger(value, bound.integer("base", 10)) ?? bound.value("default", 0);
  },
  float: (value, given) => {
    const text = typeof value === "string" ? value.trim().replace(/(?<=\d)_(?=\d)/g, "") : null;
    const number = text === null ? numberOf(value) : /^[-+]?[\d.]/.test(text) ? Number(text) : NaN;
    return number === null || Number.isNaN(number)
      ? new Bound("float", ["default"], given).value("default", new Float(0))
      : new Float(number);
  },
  round: (value, given) => round(value, new Bound("round", ["precision", "method"], given)),
  length: (value) => {
    const length = lengthOf(value);
    if (length === null) {
      throw new TemplateFault(`object of type '${typeName(value)}' has no len()`);
    }
    return length;
  },
  items: (value) => {
    if (value instanceof Undefined) {
      return new Stream([]);
    }
    if (!(value instanceof Map)) {
      throw new TemplateFault("Can only get item pairs from a mapping.");
    }
    return new Stream(pairsOf(value));
  },
  attr: (value, given, { budget }) => {
    const name = new Bound("attr", ["name"], given).text("name");
    return value instanceof Map
      ? new Undefined(`'dict object' has no attribute '${name}'`)
      : attributeOf(value, name, budget);
  },
};

const otherNames: Readonly<Record<string, string>> = {
  d: "default",
  e: "escape",
  count: "length",
};

/** @throws TemplateFault for an unknown name */
export function applyFilter(
  name: string,
  value: Value,
  given: Arguments,
  environment: Environment,
): Value {
  const own = otherNames[name] ?? name;
  const filter = Object.hasOwn(filters, own) ? filters[own] : undefined;
  if (filter === undefined) {
    throw new TemplateFault(`No filter named '${name}'.`);
  }
  return filter(value, given, environment);
}

function titled(text: string): string {
  return text
    .split(/([-\s({[<]+)/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1).toLowerCase())
    .join("");
}

function escapeHtml(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&#34;",
    "'": "&#39;",
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}

function indent(text: string, bound: Bound): string {
  const width = bound.value("width", 4);
  const spaces = typeof width === "string" ? width : " ".repeat(bound.integer("width", 4));
  const [first = "", ...rest] = splitLines(`${text}\n`);
  const isBlank = isTrue(bound.value("blank", false));
  const lines = rest.map((line) => (line === "" && !isBlank ? line : spaces + line));
  const start = isTrue(bound.value("first", false)) ? spaces : "";
  return start + [first, ...lines].join("\n");
}

function truncate(text: string, given: Arguments): string {
  const bound = new Bound("truncate", ["length", "killwords", "end", "leeway"], given);
  const length = bound.integer("length", 255);
  const end = bound.text("end", "...");
  const leeway = bound.value("leeway", null) === null ? 5 : bound.integer("leeway");
  const characters = Array.from(text);
  if (characters.length <= length + leeway) {
    return text;
  }
  const cut = characters.slice(0, Math.max(0, length - end.length)).join("");
  const space = cut.lastIndexOf(" ");
  return (isTrue(bound.value("killwords", false)) || space < 0 ? cut : cut.slice(0, space)) + end;
}

/** int() of a value; null where Python raises ValueError. */
function toInteger(value: Value, base: number): Value | null {
  if (typeof value !== "string") {
    const number = numberOf(value);
    return number === null || !Number.isFinite(number) ? null : numeric(Math.trunc(number), false);
  }
  const text = value
    .trim()
    .toLowerCase()
    .replace(/(?<=[\da-z])_(?=[\da-z])/g, "");
  const prefix = { 2: "0b", 8: "0o", 16: "0x" }[base] ?? "";
  const digits = text.replace(new RegExp(`^([-+]?)${prefix}`), "$1");
  const allowed = "0123456789abcdefghijklmnopqrstuvwxyz".slice(0, base);
  if (new RegExp(`^[-+]?[${allowed}]+$`).test(digits)) {
    return numeric(parseInt(digits, base), false);
  }
  // As in jinja2: int(float("12.7")).
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/.test(text)
    ? numeric(Math.trunc(Number(text)), false)
    : null;
}

function round(value: Value, bound: Bound): Value {
  const number = numberOf(value);
  const method = bound.text("method", "common");
  if (number === null) {
    throw new TemplateFault(`round() needs a number, not ${typeName(value)}`);
  }
  const scale = 10 ** bound.integer("precision", 0);
  const scaled = number * scale;
  if (method === "ceil" || method === "floor") {
    return new Float((method === "ceil" ? Math.ceil(scaled) : Math.floor(scaled)) / scale);
  }
  // Halves round to even.
  const below = Math.floor(scaled);
  const isHalf = scaled - below === 0.5;
  const rounded = (isHalf ? below + (Math.abs(below) % 2) : Math.round(scaled)) / scale;
  return value instanceof Float ? new Float(rounded) : numeric(rounded, !Number.isInteger(rounded));
}
