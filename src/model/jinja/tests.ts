// Tests, `x is name`.
// Source: jinja2/tests.py.
import { Bound } from "./arguments.ts";
import { compare, isEqual, order } from "./operators.ts";
import { toText } from "./printing.ts";
import { isLower, isUpper } from "./text-methods.ts";
import { plain } from "./tracing/traced.ts";
import {
  Float,
  isText,
  numberOf,
  RangeValue,
  Stream,
  TemplateFault,
  Thing,
  Tuple,
  Undefined,
  View,
  type Arguments,
  type Value,
} from "./values.ts";

type Test = (value: Value, other: () => Value) => boolean;

const tests: Readonly<Record<string, Test>> = {
  defined: (value) => !(value instanceof Undefined),
  undefined: (value) => value instanceof Undefined,
  none: (value) => value === null,
  true: (value) => value === true,
  false: (value) => value === false,
  boolean: (value) => typeof value === "boolean",
  string: (value) => isText(value),
  number: (value) => numberOf(value) !== null,
  integer: (value) => typeof value === "number",
  float: (value) => value instanceof Float,
  mapping: (value) => value instanceof Map,
  callable: (value) => value instanceof Thing && value.call !== null,
  iterable: (value) => isIterable(value) || value instanceof Stream || value instanceof Undefined,
  sequence: (value) =>
    (isIterable(value) && !(value instanceof View)) || value instanceof Undefined,
  odd: (value) => remainder(value, 2) === 1,
  even: (value) => remainder(value, 2) === 0,
  divisibleby: (value, other) => remainder(value, numberOf(other()) ?? 0) === 0,
  lower: (value) => isLower(toText(value)),
  upper: (value) => isUpper(toText(value)),
  eq: (value, other) => isEqual(value, other()),
  ne: (value, other) => !isEqual(value, other()),
  lt: (value, other) => order(value, other()) < 0,
  le: (value, other) => order(value, other()) <= 0,
  gt: (value, other) => order(value, other()) > 0,
  ge: (value, other) => order(value, other()) >= 0,
  in: (value, other) => compare("in", value, other()),
  sameas: (value, other) => isSame(value, other()),
};

const otherNames: Readonly<Record<string, string>> = {
  "==": "eq",
  equalto: "eq",
  "!=": "ne",
  "<": "lt",
  lessthan: "lt",
  "<=": "le",
  ">": "gt",
  greaterthan: "gt",
  ">=": "ge",
};

/** @throws TemplateFault for an unknown name */
export function applyTest(name: string, value: Value, given: Arguments): boolean {
  const own = otherNames[name] ?? name;
  const test = Object.hasOwn(tests, own) ? tests[own] : undefined;
  if (test === undefined) {
    throw new TemplateFault(`No test named '${name}'.`);
  }
  return test(value, () => new Bound(name, ["other"], given).required("other"));
}

function isSame(value: Value, other: Value): boolean {
  return isText(value) && isText(other) ? plain(value) === plain(other) : value === other;
}

function isIterable(value: Value): boolean {
  return (
    isText(value) ||
    Array.isArray(value) ||
    [Map, Tuple, View, RangeValue].some((kind) => value instanceof kind)
  );
}

function remainder(value: Value, divisor: number): number {
  const number = numberOf(value);
  if (number === null || divisor === 0) {
    throw new TemplateFault("not all arguments converted to numbers");
  }
  return ((number % divisor) + divisor) % divisor;
}
