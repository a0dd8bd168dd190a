// A scope of a template: names and values, with an outer scope.
import { Undefined, type Value } from "./values.ts";

export class Scope {
  readonly #values = new Map<string, Value>();
  readonly #outer: Scope | null;

  constructor(outer: Scope | null, values: Iterable<readonly [string, Value]> = []) {
    this.#outer = outer;
    for (const [name, value] of values) {
      this.#values.set(name, value);
    }
  }

  get(name: string): Value {
    const value = this.#values.get(name);
    if (value !== undefined) {
      return value;
    }
    return this.#outer === null ? new Undefined(`'${name}' is undefined`) : this.#outer.get(name);
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }
}
