// Filters, `x | name`, that map one value to one value.
// Source: jinja2/filters.py.
import { Bound } from "./arguments.ts";
import type { Environment, Filter } from "./environment.ts";
import { formatPercent } from "./formatting.ts";
import { toJson } from "./json.ts";
import { listFilters } from "./list-filters.ts";
import { attributeOf, pairsOf } from "./members.ts";
import { numeric } from "./operators.ts";
import { printed, toText } from "./printing.ts";
import {
  capitalize,
  lineEnds,
  lowerCase,
  pad,
  replaceText,
  strip,
  upperCase,
} from "./text-methods.ts";
import { cut, glue, plain, recased, replaced, whole, type Text } from "./tracing/traced.ts";
import {
  Float,
  isText,
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
  string: (value) => printed(value),
  safe: (value) => printed(value),
  upper: (value) => upperCase(printed(value)),
  lower: (value) => lowerCase(printed(value)),
  capitalize: (value) => recased(printed(value), capitalize),
  title: (value) => recased(printed(value), titled),
  trim: (value, given) =>
    strip(printed(value), new Bound("trim", ["chars"], given).optionalText("chars"), "both"),
  escape: (value) => escapeHtml(printed(value)),
  replace: (value, given, { budget }) => {
    const bound = new Bound("replace", ["old", "new", "count"], given);
    const count = bound.value("count", null) === null ? -1 : bound.integer("count");
    const [old, replacement] = [toText(bound.required("old")), printed(bound.required("new"))];
    return replaceText(printed(value), old, replacement, count, budget);
  },
  indent: (value, given, { budget }) => {
    const text = indent(printed(value), new Bound("indent", ["width", "first", "blank"], given));
    budget.characters(plain(text).length);
    return text;
  },
  center: (value, given, { budget }) => {
    const width = new Bound("center", ["width"], given).integer("width", 80);
    return pad(printed(value), "center", { positional: [width], keyword: new Map() }, budget);
  },
  wordcount: (value) => toText(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0,
  truncate: (value, given) => truncate(printed(value), given),
  format: (value, given, { budget }) => {
    const { positional, keyword } = given;
    const values = keyword.size > 0 ? new Map<Value, Value>(keyword) : new Tuple(positional);
    return formatPercent(printed(value), values, budget);
  },
  urlencode: (value) => {
    const text = printed(value);
    return whole(encodeURIComponent(plain(text)).replaceAll("%2F", "/"), [text]);
  },
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
    const text = isText(value)
      ? plain(value)
          .trim()
          .replace(/(?<=\d)_(?=\d)/g, "")
      : null;
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

function escapeHtml(text: Text): Text {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&#34;",
    "'": "&#39;",
  };
  return replaced(text, /[&<>"']/g, ([character], found) =>
    whole(entities[character] ?? character, [found]),
  );
}

function indent(text: Text, bound: Bound): Text {
  const width = bound.value("width", 4);
  const spaces = isText(width) ? width : " ".repeat(bound.integer("width", 4));
  const isBlank = isTrue(bound.value("blank", false));
  const all = plain(text);
  const lines = replaced(text, lineEnds, ({ index, 0: { length } }, found) => {
    const next = all.slice(index + length, index + length + 1);
    const isEmpty = next === "" || next.search(lineEnds) === 0;
    return glue([whole("\n", [found]), isEmpty && !isBlank ? "" : spaces]);
  });
  return glue([isTrue(bound.value("first", false)) ? spaces : "", lines]);
}

function truncate(text: Text, given: Arguments): Text {
  const bound = new Bound("truncate", ["length", "killwords", "end", "leeway"], given);
  const length = bound.integer("length", 255);
  const end = bound.written("end", "...");
  const leeway = bound.value("leeway", null) === null ? 5 : bound.integer("leeway");
  const characters = Array.from(plain(text));
  if (characters.length <= length + leeway) {
    return text;
  }
  const kept = characters.slice(0, Math.max(0, length - plain(end).length)).join("");
  const space = kept.lastIndexOf(" ");
  const isWhole = isTrue(bound.value("killwords", false)) || space < 0;
  return glue([cut(text, 0, isWhole ? kept.length : space), end]);
}

/** int() of a value; null where Python raises ValueError. */
function toInteger(value: Value, base: number): Value | null {
  if (!isText(value)) {
    const number = numberOf(value);
    return number === null || !Number.isFinite(number) ? null : numeric(Math.trunc(number), false);
  }
  const text = plain(value)
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
