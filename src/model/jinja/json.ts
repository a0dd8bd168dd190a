// The filter `tojson`: json.dumps as in transformers, without HTML escapes.
// Source: transformers' chat_template_utils.py and Python's json.encoder.
import { Bound } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { floatText } from "./printing.ts";
import { asOwned, keysOf } from "./tracing/containers.ts";
import { glue, plain, replaced, whole, type Text } from "./tracing/traced.ts";
import {
  Float,
  isText,
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

/** Control characters, quotes, and halves of surrogate pairs. */
const toEscape = /["\\\p{Cc}\p{Cs}]/gu;
const toEscapeInAscii = /["\\\p{Cc}\p{Cs}]|[^\0-\x7e]/gu;

interface Style {
  isAscii: boolean;
  indent: string | null;
  itemSeparator: string;
  keySeparator: string;
  sortsKeys: boolean;
}

export function toJson(value: Value, given: Arguments, budget: Budget): Text {
  const names = ["ensure_ascii", "indent", "separators", "sort_keys"];
  const bound = new Bound("tojson", names, given);
  const indent = indentOf(bound.value("indent", null));
  const separators = bound.value("separators", null);
  const [item, key] = separators === null ? [] : itemsOf(separators);
  const style: Style = {
    isAscii: isTrue(bound.value("ensure_ascii", false)),
    indent,
    itemSeparator: isText(item) ? plain(item) : indent === null ? ", " : ",",
    keySeparator: isText(key) ? plain(key) : ": ",
    sortsKeys: isTrue(bound.value("sort_keys", false)),
  };
  const text = dump(value, style, 0);
  budget.characters(plain(text).length);
  return text;
}

function indentOf(value: Value): string | null {
  const width = numberOf(value);
  return width === null
    ? isText(value)
      ? plain(value)
      : null
    : " ".repeat(Math.min(Math.max(0, width), 100));
}

function dump(value: Value, style: Style, depth: number): Text {
  if (depth > maxDepth) {
    throw new TemplateFault(`tojson nests deeper than ${maxDepth}`);
  }
  if (isText(value)) {
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
    return asOwned(value, enclosed("[", items, "]", style, depth));
  }
  if (value instanceof Map) {
    const values = [...value.values()];
    const pairs = keysOf<Value>(value).map(
      (key, index) => [keyText(key), values[index] ?? null] as const,
    );
    if (style.sortsKeys) {
      pairs.sort(([a], [b]) => (plain(a) < plain(b) ? -1 : plain(a) > plain(b) ? 1 : 0));
    }
    const items = pairs.map(([key, item]) =>
      glue([quoted(key, style), style.keySeparator, dump(item, style, depth + 1)]),
    );
    return asOwned(value, enclosed("{", items, "}", style, depth));
  }
  throw new TemplateFault(`Object of type ${typeName(value)} is not JSON serializable`);
}

function enclosed(
  open: string,
  items: readonly Text[],
  close: string,
  { indent, itemSeparator }: Style,
  depth: number,
): Text {
  if (items.length === 0 || indent === null) {
    return glue([open, glue(items, itemSeparator), close]);
  }
  const line = `\n${indent.repeat(depth + 1)}`;
  const inner = glue(items, itemSeparator + line);
  return glue([open, line, inner, `\n${indent.repeat(depth)}`, close]);
}

function quoted(text: Text, style: Style): Text {
  if (typeof text === "string") {
    return json(text, style);
  }
  // Each character that has an escape becomes it by itself.
  const pattern = style.isAscii ? toEscapeInAscii : toEscape;
  const escaped = replaced(text, pattern, ([character], found) =>
    whole(json(character, style).slice(1, -1), [found]),
  );
  return glue(['"', escaped, '"']);
}

function json(text: string, { isAscii }: Style): string {
  const json = JSON.stringify(text);
  return isAscii
    ? json.replace(
        /[\x7f-\uffff]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
      )
    : json;
}

function keyText(key: Value): Text {
  if (isText(key)) {
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
