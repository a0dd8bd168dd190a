// Member access, `a.b`, `a["b"]` and `a[1:2]`, with the lookup order of jinja2's sandbox.
// Source: jinja2/sandbox.py (getattr, getitem; ImmutableSandboxedEnvironment).
import { Bound } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { isEqual } from "./operators.ts";
import { repr, toText } from "./printing.ts";
import { textMethod } from "./text-methods.ts";
import { copyOf, keysOf, own, ownerOf, ownerOfField } from "./tracing/containers.ts";
import { cut, glue, plain, type Text } from "./tracing/traced.ts";
import {
  charactersOf,
  Float,
  hasPairs,
  isText,
  Namespace,
  numberOf,
  RangeValue,
  TemplateFault,
  Thing,
  Tuple,
  typeName,
  Undefined,
  View,
  type Arguments,
  type Value,
} from "./values.ts";

/** Methods that modify their object; the sandbox hides them. */
const changing = new Set([
  "append",
  "clear",
  "extend",
  "insert",
  "pop",
  "popitem",
  "remove",
  "reverse",
  "setdefault",
  "sort",
  "update",
]);

/** `target.name`: an attribute, else an item. */
export function attributeOf(target: Value, name: string, budget: Budget): Value {
  refuse(target);
  const own = ownAttribute(target, name, budget);
  const found = own === undefined ? itemAt(target, name) : own;
  return found === undefined ? missing(target, name) : found;
}

/** `target[index]`: an item, else an attribute. */
export function itemOf(target: Value, traced: Value, budget: Budget): Value {
  refuse(target);
  const index = isText(traced) ? plain(traced) : traced;
  const found = itemAt(target, index);
  if (found !== undefined) {
    return found;
  }
  const attribute = typeof index === "string" ? ownAttribute(target, index, budget) : undefined;
  return attribute === undefined ? missing(target, index) : attribute;
}

/** `target[start:stop:step]` */
export function sliceOf(target: Value, bounds: readonly Value[], budget: Budget): Value {
  refuse(target);
  if (isText(target)) {
    return sliceOfText(target, bounds, budget);
  }
  if (Array.isArray(target)) {
    budget.items(target.length);
    return pick(target, bounds);
  }
  if (target instanceof Tuple) {
    return new Tuple(pick(target.items, bounds));
  }
  // jinja2 looks up an item with the key slice(...) and finds none.
  return missing(target, "slice");
}

function sliceOfText(target: Text, bounds: readonly Value[], budget: Budget): Text {
  const text = plain(target);
  const isPaired = hasPairs(text);
  const { length } = isPaired ? Array.from(text) : text;
  budget.characters(length);
  const [from, to, stride] = placesIn(length, bounds);
  if (!isPaired && stride === 1) {
    return cut(target, from, Math.max(from, to));
  }
  return glue(pick(charactersOf(target), bounds));
}

function refuse(target: Value): void {
  if (target instanceof Undefined) {
    throw new TemplateFault(target.message);
  }
}

function missing(target: Value, name: Value): Undefined {
  const type = target === null ? "None" : `${typeName(target)} object`;
  return new Undefined(
    typeof name === "string"
      ? `'${type}' has no attribute '${name}'`
      : `${type} has no element ${plain(repr(name))}`,
  );
}

function ownAttribute(target: Value, name: string, budget: Budget): Value | undefined {
  if (isText(target)) {
    return textMethod(target, name, budget);
  }
  if (target instanceof Map || Array.isArray(target)) {
    if (changing.has(name)) {
      return new Undefined(
        `access to attribute '${name}' of '${typeName(target)}' object is unsafe`,
      );
    }
    return target instanceof Map ? dictMethod(target, name) : listMethod(target, name);
  }
  if (target instanceof Tuple) {
    return target.items[target.names.indexOf(name)];
  }
  return target instanceof Thing ? target.attribute(name) : undefined;
}

function itemAt(target: Value, index: Value): Value | undefined {
  if (target instanceof Map) {
    return target.get(index);
  }
  if (target instanceof Namespace) {
    return typeof index === "string" ? target.attributes.get(index) : undefined;
  }
  const place = index instanceof Float ? null : numberOf(index);
  if (place === null) {
    return undefined;
  }
  if (isText(target)) {
    const text = plain(target);
    const { length } = text;
    const at = place < 0 ? place + length : place;
    return hasPairs(text)
      ? charactersOf(target).at(place)
      : at >= 0 && at < length
        ? cut(target, at, at + 1)
        : undefined;
  }
  if (target instanceof RangeValue) {
    const { length } = target;
    const from = place < 0 ? place + length : place;
    return from >= 0 && from < length ? target.at(from) : undefined;
  }
  return Array.isArray(target)
    ? target.at(place)
    : target instanceof Tuple
      ? target.items.at(place)
      : undefined;
}

function dictMethod(dict: ReadonlyMap<Value, Value>, name: string): Value | undefined {
  switch (name) {
    case "get":
      return method((given) => {
        const bound = new Bound("get", ["key", "default"], given);
        const key = bound.required("key");
        const value = dict.get(isText(key) ? plain(key) : key);
        return value === undefined ? bound.value("default", null) : value;
      });
    case "keys":
      return method(() => new View("dict_keys", keysOf<Value>(dict)));
    case "values":
      return method(() => new View("dict_values", [...dict.values()]));
    case "items":
      return method(() => new View("dict_items", pairsOf(dict)));
    case "copy":
      return method(() => copyOf<Value>(dict));
    default:
      return undefined;
  }
}

export function pairsOf(dict: ReadonlyMap<Value, Value>): Tuple[] {
  const owner = ownerOf(dict);
  const values = [...dict.values()];
  return keysOf<Value>(dict).map((key, index) => {
    const pair = new Tuple([key, values[index] ?? null]);
    return owner === undefined ? pair : own(pair, ownerOfField(owner, toText(key)));
  });
}

function listMethod(list: readonly Value[], name: string): Value | undefined {
  switch (name) {
    case "index":
      return method((given) => {
        const wanted = new Bound("index", ["value"], given).required("value");
        const index = list.findIndex((item) => isEqual(item, wanted));
        if (index < 0) {
          throw new TemplateFault(`${plain(repr(wanted))} is not in list`);
        }
        return index;
      });
    case "count":
      return method((given) => {
        const wanted = new Bound("count", ["value"], given).required("value");
        return list.filter((item) => isEqual(item, wanted)).length;
      });
    default:
      return undefined;
  }
}

export function method(call: (given: Arguments) => Value): Thing {
  return new Thing("builtin_function_or_method", { call });
}

/** Python's rules for start, stop and step. */
function pick<T>(items: readonly T[], bounds: readonly Value[]): T[] {
  const [from, to, stride] = placesIn(items.length, bounds);
  const picked: T[] = [];
  for (let at = from; stride > 0 ? at < to : at > to; at += stride) {
    picked.push(...items.slice(at, at + 1));
  }
  return picked;
}

/** First place, place after the last, and step. */
function placesIn(length: number, bounds: readonly Value[]): [number, number, number] {
  const [start, stop, step] = [0, 1, 2].map((at) => boundOf(bounds[at] ?? null));
  const stride = step ?? 1;
  if (stride === 0) {
    throw new TemplateFault("slice step cannot be zero");
  }
  const clamp = (place: number) =>
    stride > 0
      ? Math.min(Math.max(place < 0 ? place + length : place, 0), length)
      : Math.min(Math.max(place < 0 ? place + length : place, -1), length - 1);
  const from = start == null ? (stride > 0 ? 0 : length - 1) : clamp(start);
  const to = stop == null ? (stride > 0 ? length : -1) : clamp(stop);
  return [from, to, stride];
}

function boundOf(value: Value): number | null {
  if (value === null) {
    return null;
  }
  const place = value instanceof Float ? null : numberOf(value);
  if (place === null) {
    throw new TemplateFault(`slice indices must be integers, not ${typeName(value)}`);
  }
  return place;
}
