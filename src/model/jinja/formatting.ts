// `"%s" % x` and `"{}".format(x)`, with the conversions that templates use.
// Source: Python's "printf-style String Formatting" and "Format String Syntax".
import type { Budget } from "./budget.ts";
import { floatText, printed, repr } from "./printing.ts";
import { cut, glue, plain, replaced, type Text } from "./tracing/traced.ts";
import {
  Float,
  numberOf,
  TemplateFault,
  Tuple,
  typeName,
  type Arguments,
  type Value,
} from "./values.ts";
import { shortJson } from "../../util/short-json.ts";

const maxWidth = 1_000;

interface Spec {
  alignment: string;
  fill: string;
  sign: string;
  width: number;
  precision: number | null;
  type: string;
}

export function formatPercent(text: Text, given: Value, budget: Budget): Text {
  const values = given instanceof Tuple ? [...given.items] : [given];
  let used = 0;
  const made = replaced(
    text,
    /%(?:\((\w*)\))?([-+ 0#]*)(\d*)(?:\.(\d+))?([\s\S]?)/g,
    ([, key, flags = "", width = "", digits, type]) => {
      if (type === "%") {
        return "%";
      }
      const value =
        key === undefined ? values[used++] : given instanceof Map ? given.get(key) : undefined;
      if (value === undefined) {
        throw new TemplateFault("not enough arguments for format string");
      }
      return formatted(value, {
        alignment: flags.includes("-") ? "<" : flags.includes("0") && type !== "s" ? "=" : ">",
        fill: flags.includes("0") && type !== "s" ? "0" : " ",
        sign: /[+ ]/.exec(flags)?.[0] ?? "",
        width: Math.min(Number(width), maxWidth),
        precision: digits === undefined ? null : Math.min(Number(digits), maxWidth),
        type: type ?? "",
      });
    },
  );
  if (used < values.length && !(given instanceof Map)) {
    throw new TemplateFault("not all arguments converted during string formatting");
  }
  budget.characters(plain(made).length);
  return made;
}

export function formatBraces(text: Text, { positional, keyword }: Arguments, budget: Budget): Text {
  let used = 0;
  const made = replaced(
    text,
    /\{\{|\}\}|\{(\w*)(?::([^{}]*))?\}|\{[^{}]*\}|[{}]/g,
    ([whole, name, spec], found) => {
      if (whole === "{{" || whole === "}}") {
        return cut(found, 0, 1);
      }
      const value =
        name === undefined
          ? undefined
          : /^\d*$/.test(name)
            ? positional[name === "" ? used++ : Number(name)]
            : keyword.get(name);
      if (value === undefined) {
        throw new TemplateFault(`format() has no value for ${whole}`);
      }
      return formatted(value, readSpec(spec ?? ""));
    },
  );
  budget.characters(plain(made).length);
  return made;
}

function readSpec(spec: string): Spec {
  const found = /^(?:(.)?([<>=]))?([-+ ]?)(0?)(\d*)(?:\.(\d+))?([a-z]?)$/u.exec(spec);
  if (found === null) {
    throw new TemplateFault(`the format ${shortJson(spec)} is not supported`);
  }
  const [, fill, alignment, sign = "", zero, width = "", digits, type = ""] = found;
  return {
    alignment: alignment ?? (zero === "0" ? "=" : ""),
    fill: fill ?? (zero === "0" ? "0" : " "),
    sign: sign === "-" ? "" : sign,
    width: Math.min(Number(width), maxWidth),
    precision: digits === undefined ? null : Math.min(Number(digits), maxWidth),
    type,
  };
}

function formatted(value: Value, spec: Spec): Text {
  const number = numberOf(value);
  const isText = spec.type === "s" || spec.type === "r" || (spec.type === "" && number === null);
  if (isText) {
    const text = spec.type === "r" ? repr(value) : printed(value);
    return padded("", spec.precision === null ? text : cut(text, 0, spec.precision), spec, "<");
  }
  if (number === null) {
    throw new TemplateFault(`format ${spec.type} needs a number, not ${typeName(value)}`);
  }
  const sign = number < 0 || Object.is(number, -0) ? "-" : spec.sign;
  return padded(sign, digitsOf(Math.abs(number), value instanceof Float, spec), spec, ">");
}

function digitsOf(number: number, isFloat: boolean, { type, precision }: Spec): string {
  switch (type) {
    case "d":
      return String(Math.trunc(number));
    case "f":
      return number.toFixed(Math.min(precision ?? 6, 100));
    case "":
      if (precision === null) {
        return isFloat ? floatText(number) : String(number);
      }
  }
  throw new TemplateFault(`the format ${shortJson(type)} is not supported`);
}

function padded(sign: string, digits: Text, spec: Spec, usual: string): Text {
  const missing = Math.max(0, spec.width - sign.length - Array.from(plain(digits)).length);
  const fill = (count: number) => spec.fill.repeat(count);
  switch (spec.alignment === "" ? usual : spec.alignment) {
    case "<":
      return glue([sign, digits, fill(missing)]);
    case "=":
      return glue([sign, fill(missing), digits]);
    default:
      return glue([fill(missing), sign, digits]);
  }
}
