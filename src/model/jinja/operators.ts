// Python's operators on the values of a template.
import type { Budget } from "./budget.ts";
import { formatPercent } from "./formatting.ts";
import type { BinaryOperator, Comparison } from "./syntax/tree.ts";
import { joined, plain, repeated } from "./tracing/traced.ts";
import {
  Float,
  isText,
  itemsOf,
  numberOf,
  RangeValue,
  Stream,
  TemplateFault,
  Tuple,
  typeName,
  Undefined,
  View,
  type Value,
} from "./values.ts";

/** @throws TemplateFault where Python raises TypeError, ZeroDivisionError or UndefinedError */
export function binary(operator: BinaryOperator, left: Value, right: Value, budget: Budget): Value {
  refuseUndefined(left);
  refuseUndefined(right);
  if (operator === "%" && isText(left)) {
    return formatPercent(left, right, budget);
  }
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== null && b !== null) {
    const isFloat = left instanceof Float || right instanceof Float;
    return arithmetic(operator, a, b, isFloat);
  }
  const sum = operator === "+" ? join(left, right, budget) : null;
  const product = operator === "*" ? repeat(left, right, budget) : null;
  const made = sum ?? product;
  if (made === null) {
    throw new TemplateFault(
      `unsupported operand types for ${operator}: '${typeName(left)}' and '${typeName(right)}'`,
    );
  }
  return made;
}

export function refuseUndefined(value: Value): void {
  if (value instanceof Undefined) {
    throw new TemplateFault(value.message);
  }
}

function arithmetic(operator: BinaryOperator, a: number, b: number, isFloat: boolean): Value {
  if ((operator === "/" || operator === "//" || operator === "%") && b === 0) {
    throw new TemplateFault("division by zero");
  }
  switch (operator) {
    case "+":
      return numeric(a + b, isFloat);
    case "-":
      return numeric(a - b, isFloat);
    case "*":
      return numeric(a * b, isFloat);
    case "/":
      return new Float(a / b);
    case "//":
      return numeric(Math.floor(a / b), isFloat);
    case "%":
      return numeric(a - b * Math.floor(a / b), isFloat);
    case "**":
      return numeric(a ** b, isFloat || b < 0);
  }
}

/** Python's int is unbounded; a JavaScript number is exact up to 2^53 only. */
export function numeric(value: number, isFloat: boolean): Value {
  if (isFloat) {
    return new Float(value);
  }
  if (!Number.isSafeInteger(value)) {
    throw new TemplateFault("a number grows beyond 2^53");
  }
  return value === 0 ? 0 : value;
}

function join(left: Value, right: Value, budget: Budget): Value | null {
  if (isText(left) && isText(right)) {
    budget.characters(plain(left).length + plain(right).length);
    return joined(left, right);
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    budget.items(left.length + right.length);
    return [...left, ...right];
  }
  if (left instanceof Tuple && right instanceof Tuple) {
    budget.items(left.items.length + right.items.length);
    return new Tuple([...left.items, ...right.items]);
  }
  return null;
}

function repeat(left: Value, right: Value, budget: Budget): Value | null {
  const [value, number] = numberOf(left) === null ? [left, right] : [right, left];
  if (number instanceof Float || numberOf(number) === null) {
    return null;
  }
  const times = Math.max(0, numberOf(number) ?? 0);
  if (isText(value)) {
    budget.characters(plain(value).length * times);
    return repeated(value, times);
  }
  if (Array.isArray(value)) {
    budget.items(value.length * times);
    return Array.from({ length: times }, () => value).flat();
  }
  return null;
}

export function compare(operator: Comparison, left: Value, right: Value): boolean {
  switch (operator) {
    case "==":
      return isEqual(left, right);
    case "!=":
      return !isEqual(left, right);
    case "in":
      return contains(right, left);
    case "not in":
      return !contains(right, left);
    case "<":
      return order(left, right) < 0;
    case "<=":
      return order(left, right) <= 0;
    case ">":
      return order(left, right) > 0;
    case ">=":
      return order(left, right) >= 0;
  }
}

export function isEqual(left: Value, right: Value): boolean {
  if (isText(left) && isText(right)) {
    return plain(left) === plain(right);
  }
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== null || b !== null) {
    return a === b;
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    return sameItems(left, right);
  }
  if (left instanceof Tuple && right instanceof Tuple) {
    return sameItems(left.items, right.items);
  }
  if (left instanceof Map && right instanceof Map) {
    return (
      left.size === right.size &&
      [...left].every(([key, value]) => {
        const other = right.get(key);
        return other !== undefined && isEqual(value, other);
      })
    );
  }
  return left === right || (left instanceof Undefined && right instanceof Undefined);
}

function sameItems(left: readonly Value[], right: readonly Value[]): boolean {
  return (
    left.length === right.length && left.every((item, index) => isEqual(item, right[index] ?? null))
  );
}

function contains(holder: Value, value: Value): boolean {
  if (isText(holder)) {
    refuseUndefined(value);
    if (!isText(value)) {
      throw new TemplateFault(`'in <string>' needs a string, not ${typeName(value)}`);
    }
    return plain(holder).includes(plain(value));
  }
  if (holder instanceof Map) {
    return holder.has(isText(value) ? plain(value) : value);
  }
  const isHolder =
    Array.isArray(holder) ||
    [Tuple, View, RangeValue, Stream, Undefined].some((kind) => holder instanceof kind);
  if (!isHolder) {
    throw new TemplateFault(`argument of type '${typeName(holder)}' is not iterable`);
  }
  return itemsOf(holder).some((item) => isEqual(item, value));
}

/** Negative, zero or positive. @throws TemplateFault for values without an order */
export function order(left: Value, right: Value): number {
  refuseUndefined(left);
  refuseUndefined(right);
  const [a, b] = [numberOf(left), numberOf(right)];
  if (a !== null && b !== null) {
    return a - b;
  }
  if (isText(left) && isText(right)) {
    return orderTexts(plain(left), plain(right));
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    return orderItems(left, right);
  }
  if (left instanceof Tuple && right instanceof Tuple) {
    return orderItems(left.items, right.items);
  }
  throw new TemplateFault(`'${typeName(left)}' and '${typeName(right)}' have no order`);
}

function orderItems(left: readonly Value[], right: readonly Value[]): number {
  for (const [index, item] of left.entries()) {
    const other = right[index];
    if (other === undefined) {
      return 1;
    }
    if (!isEqual(item, other)) {
      return order(item, other);
    }
  }
  return left.length - right.length;
}

/** Order by code point; JavaScript orders by UTF-16 unit. */
function orderTexts(left: string, right: string): number {
  const end = Math.min(left.length, right.length);
  for (let at = 0; at < end; at++) {
    if (left[at] !== right[at]) {
      const isTrail = /[\udc00-\udfff]/.test(left.charAt(at)) && at > 0;
      const from = isTrail ? at - 1 : at;
      return (left.codePointAt(from) ?? 0) - (right.codePointAt(from) ?? 0);
    }
  }
  return left.length - right.length;
}
