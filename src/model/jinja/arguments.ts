// Binds the arguments of a call to the parameter names of a function.
import { plain, type Text } from "./tracing/traced.ts";
import { isText, numberOf, TemplateFault, typeName, type Arguments, type Value } from "./values.ts";

export class Bound {
  readonly #values: ReadonlyMap<string, Value>;
  readonly #function: string;

  /** @throws TemplateFault for arguments that the function does not have */
  constructor(name: string, names: readonly string[], { positional, keyword }: Arguments) {
    this.#function = name;
    if (positional.length > names.length) {
      throw new TemplateFault(
        `${name}() takes ${names.length} arguments, not ${positional.length}`,
      );
    }
    const values = new Map(positional.map((value, index) => [names[index] ?? "", value]));
    for (const [key, value] of keyword) {
      if (!names.includes(key) || values.has(key)) {
        throw new TemplateFault(`${name}() takes no ${values.has(key) ? "second " : ""}${key}`);
      }
      values.set(key, value);
    }
    this.#values = values;
  }

  value(name: string, usual: Value): Value {
    const value = this.#values.get(name);
    return value === undefined ? usual : value;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  required(name: string): Value {
    const value = this.#values.get(name);
    if (value === undefined) {
      throw new TemplateFault(`${this.#function}() needs ${name}`);
    }
    return value;
  }

  /** A text, without its origins. */
  text(name: string, usual?: string): string {
    return plain(this.written(name, usual));
  }

  /** A text that becomes part of the result. */
  written(name: string, usual?: string): Text {
    const value = usual === undefined ? this.required(name) : this.value(name, usual);
    if (!isText(value)) {
      throw this.#wrongType(name, "a text", value);
    }
    return value;
  }

  /** A text; null for None. */
  optionalText(name: string): string | null {
    return this.value(name, null) === null ? null : this.text(name);
  }

  integer(name: string, usual?: number): number {
    const value = usual === undefined ? this.required(name) : this.value(name, usual);
    const number = numberOf(value);
    if (number === null || !Number.isInteger(number)) {
      throw this.#wrongType(name, "a whole number", value);
    }
    return number;
  }

  #wrongType(name: string, wanted: string, value: Value): TemplateFault {
    return new TemplateFault(
      `${this.#function}() takes ${wanted} as ${name}, not ${typeName(value)}`,
    );
  }
}
