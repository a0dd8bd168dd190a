// The `loop` variable of a for block. Items are read one by one, so that a loop condition sees the
// assignments of the body.
// Source: jinja2/runtime.py (LoopContext).
import { Bound } from "./arguments.ts";
import { method } from "./members.ts";
import { isEqual } from "./operators.ts";
import { orUndefined, TemplateFault, Thing, Tuple, type Arguments, type Value } from "./values.ts";

export class Loop {
  readonly #depth: number;
  readonly #source: Iterator<Value>;
  #ahead: Value[] = [];
  #index = -1;
  #previous: Value | undefined;
  #current: Value | undefined;
  #changed: Value[] | undefined;

  /** @param depth of recursion; 0 for the outermost loop */
  constructor(items: Iterable<Value>, depth: number) {
    this.#source = items[Symbol.iterator]();
    this.#depth = depth;
  }

  /** The next item; undefined at the end. */
  next(): Value | undefined {
    const item = this.#peek();
    this.#ahead.shift();
    if (item !== undefined) {
      this.#index++;
      this.#previous = this.#current;
      this.#current = item;
    }
    return item;
  }

  /** @param recurse `loop(items)` of a recursive block */
  asValue(recurse: ((given: Arguments) => Value) | null): Thing {
    return new Thing("LoopContext", {
      attribute: (name) => this.#attribute(name),
      call:
        recurse ??
        (() => {
          throw new TemplateFault("The loop must have the 'recursive' marker to be called.");
        }),
    });
  }

  #peek(): Value | undefined {
    if (this.#ahead.length === 0) {
      const item = this.#source.next();
      if (item.done !== true) {
        this.#ahead.push(item.value);
      }
    }
    return this.#ahead[0];
  }

  get #length(): number {
    for (let item = this.#source.next(); item.done !== true; item = this.#source.next()) {
      this.#ahead.push(item.value);
    }
    return this.#index + 1 + this.#ahead.length;
  }

  #attribute(name: string): Value | undefined {
    switch (name) {
      case "index":
        return this.#index + 1;
      case "index0":
        return this.#index;
      case "revindex":
        return this.#length - this.#index;
      case "revindex0":
        return this.#length - this.#index - 1;
      case "first":
        return this.#index === 0;
      case "last":
        return this.#peek() === undefined;
      case "length":
        return this.#length;
      case "depth":
        return this.#depth + 1;
      case "previtem":
        return orUndefined(this.#previous, "there is no previous item");
      case "nextitem":
        return orUndefined(this.#peek(), "there is no next item");
      case "cycle":
        return method(({ positional }) => {
          const value = positional[this.#index % positional.length];
          if (value === undefined) {
            throw new TemplateFault("no items for cycling given");
          }
          return value;
        });
      case "changed":
        return method(({ positional }) => {
          const before = this.#changed;
          this.#changed = [...positional];
          return before === undefined || !isEqual(before, this.#changed);
        });
      default:
        return undefined;
    }
  }
}

export function makeRange(given: Arguments): readonly [number, number, number] {
  const bound = new Bound("range", ["start", "stop", "step"], given);
  const first = bound.integer("start");
  return bound.has("stop")
    ? [first, bound.integer("stop"), bound.integer("step", 1)]
    : [0, first, 1];
}

export function pairFrom(value: Value): readonly [Value, Value] {
  const items = Array.isArray(value) ? value : value instanceof Tuple ? value.items : [];
  const [key, item] = items;
  if (key === undefined || item === undefined || items.length !== 2) {
    throw new TemplateFault("dict() needs pairs");
  }
  return [key, item];
}
