// The filter `tojson`: json.dumps as in transformers, without HTML escapes.
// Source: transformers' chat_template_utils.py and Python's json.encoder.
import { Bound } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { floatText } from "./printing.ts";
import {
  Float,
  isTrue,
  itemsOf,
  numberOf,
  TemplateFault,
  Tuple,
  typeName,
  type Arguments,
  type Value,
} from "./values.ts";

const maxDepth = 200;

interface Style {
  isAscii: boolean;
  indent: string | null;
  itemSeparator: string;
  keySeparator: string;
  sortsKeys: boolean;
}

export function toJson(value: Value, given: Arguments, budget: Budget): string {
  const names = ["ensure_ascii", "indent", "separators", "sort_keys"];
  const bound = new Bound("tojson", names, given);
  const indent = indentOf(bound.value("indent", null));
  const separators = bound.value("separators", null);
  const [item, key] = separators === null ? [] : itemsOf(separators);
  const style: Style = {
    isAscii: isTrue(bound.value("ensure_ascii", false)),
    indent,
    itemSeparator: typeof item === "string" ? item : indent === null ? ", " : ",",
    keySeparator: typeof key === "string" ? key : ": ",
    sortsKeys: isTrue(bound.value("sort_keys", false)),
  };
  const text = dump(value, style, 0);
  budget.characters(text.length);
  return text;
}

function indentOf(value: Value): string | null {
  const width = numberOf(value);
  return width === null
    ? typeof value === "string"
      ? value
      : null
    : " ".repeat(Math.min(Math.max(0, width), 100));
}

function dump(value: Value, style: Style, depth: number): string {
  if (depth > maxDepth) {
    throw new TemplateFault(`tojson nests deeper than ${maxDepth}`);
  }
  if (typeof value === "string") {
    return quoted(value, style);
  }
  if (value === null || typeof value === "boolean") {
    return String(value);
  }
  if (typeof value === "number") {
    return String(value);
  }
  if (value instanceof Float) {
    return floatJson(value.value);
  }
  if (Array.isArray(value) || value instanceof Tuple) {
    const items = itemsOf(value).map((item) => dump(item, style, depth + 1));
    return enclosed("[", items, "]", style, depth);
  }
  if (value instanceof Map) {
    const pairs = [...value].map(([key, item]) => [keyText(key), item] as const);
    if (style.sortsKeys) {
      pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    }
    const items = pairs.map(
      ([key, item]) => quoted(key, style) + style.keySeparator + dump(item, style, depth + 1),
    );
    return enclosed("{", items, "}", style, depth);
  }
  throw new TemplateFault(`Object of type ${typeName(value)} is not JSON serializable`);
}

function enclosed(
  open: string,
  items: readonly string[],
  close: string,
  { indent, itemSeparator }: Style,
  depth: number,
): string {
  if (items.length === 0 || indent === null) {
    return open + items.join(itemSeparator) + close;
  }
  const line = `\n${indent.repeat(depth + 1)}`;
  return `${open}${line}${items.join(itemSeparator + line)}\n${indent.repeat(depth)}${close}`;
}

function quoted(text: string, { isAscii }: Style): string {
  const json = JSON.stringify(text);
  return isAscii
    ? json.replace(
        /[\x7f-\uffff]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
      )
    : json;
}

function keyText(key: Value): string {
  if (typeof key === "string") {
    return key;
  }
  if (key === null || typeof key === "boolean" || typeof key === "number") {
    return String(key);
  }
  if (key instanceof Float) {
    return floatJson(key.value);
  }
  throw new TemplateFault(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

function floatJson(value: number): string {
  if (Number.isFinite(value)) {
    return floatText(value);
  }
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}
