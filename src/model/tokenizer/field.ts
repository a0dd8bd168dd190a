// A value of a foreign JSON file together with its path, so that every error names the place.
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";

export type JsonObject = Readonly<Record<string, unknown>>;

export class Field {
  readonly value: unknown;
  readonly #file: string;
  readonly #path: string;

  constructor(value: unknown, file: string, path = "") {
    this.value = value;
    this.#file = file;
    this.#path = path;
  }

  /** Whether the value is present and not null. */
  get isGiven(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  /** A member of the object; "__proto__" is an ordinary key. */
  at(key: string): Field {
    const object = this.object();
    const path = this.#path === "" ? key : `${this.#path}.${key}`;
    return new Field(Object.hasOwn(object, key) ? object[key] : undefined, this.#file, path);
  }

  object(): JsonObject {
    if (!isObject(this.value)) {
      throw this.wrongType("an object");
    }
    return this.value;
  }

  list(): unknown[] {
    if (!Array.isArray(this.value)) {
      throw this.wrongType("a list");
    }
    return this.value as unknown[];
  }

  items(): Field[] {
    return this.list().map((item, index) => this.item(item, index));
  }

  item(value: unknown, index: number): Field {
    return new Field(value, this.#file, `${this.#path}[${index}]`);
  }

  text(): string {
    if (typeof this.value !== "string") {
      throw this.wrongType("a text");
    }
    return this.value;
  }

  flag(missing: boolean): boolean {
    if (!this.isGiven) {
      return missing;
    }
    if (typeof this.value !== "boolean") {
      throw this.wrongType("true or false");
    }
    return this.value;
  }

  /** A whole number from 0 to `largest`. */
  count(largest: number): number {
    const { value } = this;
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > largest) {
      throw this.fault(`is ${shown(value)}, not a whole number from 0 to ${largest}`);
    }
    return value;
  }

  /** The text. @throws UserError "bad-tokenizer" unless it is one of the words */
  oneOf<Word extends string>(words: readonly Word[]): Word {
    const text = this.text();
    const found = words.find((word) => word === text);
    if (found === undefined) {
      throw this.fault(`is ${shown(text)}, but must be one of ${words.join(", ")}`);
    }
    return found;
  }

  /** @param what continues the sentence after the path: "is 3, not a text" */
  fault(what: string): UserError {
    return badTokenizer(this.#file, `${this.#path === "" ? "It" : this.#path} ${what}`);
  }

  wrongType(wanted: string): UserError {
    return this.fault(
      this.value === undefined ? "is missing" : `is ${kindOf(this.value)}, not ${wanted}`,
    );
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** @param fault starts with the path in the file, or with "It" */
export function badTokenizer(file: string, fault: string): UserError {
  return new UserError("bad-tokenizer", `${fault}.`, {
    where: file,
    remedy: "Choose the tokenizer files of this model. Nothing was loaded.",
  });
}

/** A foreign value, shortened for a message. */
export function shown(value: unknown): string {
  const text = value === undefined || typeof value === "number" ? String(value) : shortJson(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

function kindOf(value: unknown): string {
  if (value === null) {
    return "null";
  }
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : shown(value);
}
