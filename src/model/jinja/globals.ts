// The global functions of a template. Source: jinja2/defaults.py, jinja2/sandbox.py
// (safe_range) and transformers' chat_template_utils.py.
import { Bound } from "./arguments.ts";
import { makeRange, pairFrom } from "./loop.ts";
import { method } from "./members.ts";
import { toText } from "./printing.ts";
import { copyOf, dictFrom } from "./tracing/containers.ts";
import { strftime } from "./strftime.ts";
import {
  itemsOf,
  Namespace,
  RangeValue,
  TemplateFault,
  Thing,
  type Arguments,
  type Dict,
  type Value,
} from "./values.ts";

/** The limit of jinja2's sandbox. */
const maxRange = 100_000;

/** @param now the time that `strftime_now` prints */
export function globals(now: Date): Map<string, Value> {
  const functions: Record<string, (given: Arguments) => Value> = {
    range: (given) => {
      const [start, stop, step] = makeRange(given);
      if (step === 0) {
        throw new TemplateFault("range() arg 3 must not be zero");
      }
      const range = new RangeValue(start, stop, step);
      if (range.length > maxRange) {
        throw new TemplateFault(
          `Range too big. The sandbox blocks ranges larger than ${maxRange}.`,
        );
      }
      return range;
    },
    namespace: (given) => new Namespace(namespaceOf(given)),
    dict: (given) => dictOf(given),
    raise_exception: (given) => {
      throw new TemplateFault(
        toText(new Bound("raise_exception", ["message"], given).required("message")),
      );
    },
    strftime_now: (given) =>
      strftime(new Bound("strftime_now", ["format"], given).text("format"), now),
    joiner: (given) => {
      const separator = new Bound("joiner", ["sep"], given).written("sep", ", ");
      let isUsed = false;
      return method(() => {
        const text = isUsed ? separator : "";
        isUsed = true;
        return text;
      });
    },
    cycler: ({ positional }) => cycler(positional),
  };
  return new Map(Object.entries(functions).map(([name, call]) => [name, method(call)]));
}

function dictOf({ positional, keyword }: Arguments): Dict {
  const [source] = positional;
  const dict =
    source === undefined
      ? new Map<Value, Value>()
      : source instanceof Map
        ? copyOf<Value>(source)
        : dictFrom<Value>(itemsOf(source).map(pairFrom));
  for (const [name, value] of keyword) {
    dict.set(name, value);
  }
  return dict;
}

function namespaceOf(given: Arguments): Map<string, Value> {
  return new Map(
    [...dictOf(given)].map(([key, value]) => {
      const name = toText(key);
      refuseHidden(name);
      return [name, value];
    }),
  );
}

/** Refuses names with a leading underscore, as transformers does. */
export function refuseHidden(name: string): void {
  if (name.startsWith("_")) {
    throw new TemplateFault(
      `Chat templates cannot store underscore-prefixed attributes on a namespace, but got '${name}'.`,
    );
  }
}

function cycler(items: readonly Value[]): Thing {
  let place = 0;
  const current = () => {
    const item = items[place];
    if (item === undefined) {
      throw new TemplateFault("at least one item has to be provided");
    }
    return item;
  };
  const next = method(() => {
    const item = current();
    place = (place + 1) % items.length;
    return item;
  });
  return new Thing("Cycler", {
    attribute: (name) => (name === "next" ? next : name === "current" ? current() : undefined),
  });
}
