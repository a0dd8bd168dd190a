// The values of a template, which are Python's: their types, truth, length and items.
// Source: Python's language reference and jinja2/runtime.py (Undefined).
import { keysOf } from "./tracing/containers.ts";
import { cut, Traced, type Text } from "./tracing/traced.ts";

export type Value =
  | null
  | boolean
  | number
  | Text
  | Float
  | Value[]
  | Tuple
  | Dict
  | View
  | RangeValue
  | Stream
  | Undefined
  | Thing;

/**
 * Keys are in insertion order. A JavaScript number is Python's int; float is the class Float.
 */
export type Dict = Map<Value, Value>;

/** Ends the rendering: an error of the template, or an exceeded limit. */
export class TemplateFault extends Error {
  override readonly name = "TemplateFault";
}

export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

export class Tuple {
  readonly items: readonly Value[];
  /** Field names of a named tuple, as from `groupby`. */
  readonly names: readonly string[];

  constructor(items: readonly Value[], names: readonly string[] = []) {
    this.items = items;
    this.names = names;
  }
}

/** `keys()`, `values()` and `items()` of a dict. */
export class View {
  readonly kind: "dict_keys" | "dict_values" | "dict_items";
  readonly items: readonly Value[];

  constructor(kind: View["kind"], items: readonly Value[]) {
    this.kind = kind;
    this.items = items;
  }
}

export class RangeValue {
  readonly start: number;
  readonly stop: number;
  readonly step: number;

  constructor(start: number, stop: number, step: number) {
    this.start = start;
    this.stop = stop;
    this.step = step;
  }

  get length(): number {
    return Math.max(0, Math.ceil((this.stop - this.start) / this.step));
  }

  at(index: number): number {
    return this.start + index * this.step;
  }
}

/** A generator, as from `map` and `select`: true even when empty, and readable once. */
export class Stream {
  #items: readonly Value[];

  constructor(items: readonly Value[]) {
    this.#items = items;
  }

  take(): readonly Value[] {
    const items = this.#items;
    this.#items = [];
    return items;
  }
}

/**
 * An unknown name or member: it prints nothing, is false and empty; any other use is an error.
 */
export class Undefined {
  readonly message: string;

  constructor(message: string) {
    this.message = message;
  }
}

/** Undefined for a missing value; None is an ordinary value. */
export function orUndefined(value: Value | undefined, message: string): Value {
  return value === undefined ? new Undefined(message) : value;
}

export interface Arguments {
  positional: readonly Value[];
  keyword: ReadonlyMap<string, Value>;
}

/** A function, macro, loop or namespace: an object with attributes and a call. */
export class Thing {
  readonly typeName: string;
  readonly attribute: (name: string) => Value | undefined;
  readonly call: ((given: Arguments) => Value) | null;

  constructor(
    typeName: string,
    {
      attribute = () => undefined,
      call = null,
    }: { attribute?: Thing["attribute"]; call?: Thing["call"] },
  ) {
    this.typeName = typeName;
    this.attribute = attribute;
    this.call = call;
  }
}

export class Namespace extends Thing {
  readonly attributes: Map<string, Value>;

  constructor(attributes: Map<string, Value>) {
    super("Namespace", { attribute: (name) => attributes.get(name) });
    this.attributes = attributes;
  }
}

export function isText(value: unknown): value is Text {
  return typeof value === "string" || value instanceof Traced;
}

export function typeName(value: Value): string {
  if (isText(value)) {
    return "str";
  }
  if (typeof value === "number") {
    return "int";
  }
  if (typeof value === "boolean") {
    return "bool";
  }
  if (value === null) {
    return "NoneType";
  }
  if (Array.isArray(value)) {
    return "list";
  }
  if (value instanceof Map) {
    return "dict";
  }
  if (value instanceof Float) {
    return "float";
  }
  if (value instanceof Tuple) {
    return "tuple";
  }
  if (value instanceof View) {
    return value.kind;
  }
  if (value instanceof RangeValue) {
    return "range";
  }
  if (value instanceof Stream) {
    return "generator";
  }
  return value instanceof Undefined ? "Undefined" : value.typeName;
}

export function isTrue(value: Value): boolean {
  if (value instanceof Float) {
    return value.value !== 0;
  }
  const length = lengthOf(value);
  return length === null ? Boolean(value) && !(value instanceof Undefined) : length > 0;
}

/** len(value), of texts in code points; null for a value without a length. */
export function lengthOf(value: Value): number | null {
  if (typeof value === "string") {
    return hasPairs(value) ? Array.from(value).length : value.length;
  }
  if (value instanceof Traced) {
    return lengthOf(value.text);
  }
  if (Array.isArray(value) || value instanceof RangeValue) {
    return value.length;
  }
  if (value instanceof Tuple || value instanceof View) {
    return value.items.length;
  }
  if (value instanceof Map) {
    return value.size;
  }
  return value instanceof Undefined ? 0 : null;
}

/** The items of an iterable. @throws TemplateFault for any other value */
export function itemsOf(value: Value): readonly Value[] {
  if (Array.isArray(value)) {
    return value;
  }
  if (typeof value === "string") {
    return Array.from(value);
  }
  if (value instanceof Traced) {
    return charactersOf(value);
  }
  if (value instanceof Tuple || value instanceof View) {
    return value.items;
  }
  if (value instanceof Map) {
    return keysOf<Value>(value);
  }
  if (value instanceof RangeValue) {
    return Array.from({ length: value.length }, (_, index) => value.at(index));
  }
  if (value instanceof Stream) {
    return value.take();
  }
  if (value instanceof Undefined) {
    return [];
  }
  throw new TemplateFault(`'${typeName(value)}' object is not iterable`);
}

/** The code points of a text. */
export function charactersOf(text: Text): readonly Text[] {
  if (typeof text === "string") {
    return Array.from(text);
  }
  let begin = 0;
  return Array.from(text.text, (character) => {
    const end = begin + character.length;
    const own = cut(text, begin, end);
    begin = end;
    return own;
  });
}

/** Whether a text has surrogate pairs. */
export function hasPairs(text: string): boolean {
  return /[\ud800-\udbff][\udc00-\udfff]/.test(text);
}

/** The number of an int, float or bool; null for any other value. */
export function numberOf(value: Value): number | null {
  if (typeof value === "number") {
    return value;
  }
  if (typeof value === "boolean") {
    return value ? 1 : 0;
  }
  return value instanceof Float ? value.value : null;
}

/** Converts a result of JSON.parse. */
export function fromJson(value: unknown): Value {
  if (typeof value === "string" || typeof value === "boolean") {
    return value;
  }
  if (typeof value === "number") {
    return Number.isInteger(value) ? value : new Float(value);
  }
  if (Array.isArray(value)) {
    return value.map(fromJson);
  }
  return typeof value === "object" && value !== null
    ? new Map(Object.entries(value).map(([key, item]) => [key, fromJson(item)]))
    : null;
}
