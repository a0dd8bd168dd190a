// Typed access to the metadata of a GGUF file, with errors that name the key.
import type { GgufFile } from "../../formats/gguf/file.ts";
import type { GgufArray, GgufValue } from "../../formats/gguf/value-types.ts";
import { UserError } from "../../util/errors.ts";
import { shortJson } from "../../util/short-json.ts";

/** Floats in a file are usually f32, where 0.1 is 0.10000000149011612. */
const f32Digits = 9;

export class Metadata {
  readonly fileName: string;
  readonly #values: ReadonlyMap<string, GgufValue>;

  constructor({ name, metadata }: Pick<GgufFile, "name" | "metadata">) {
    this.fileName = name;
    this.#values = metadata;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** All keys that start with the prefix. */
  keysFrom(prefix: string): string[] {
    return [...this.#values.keys()].filter((key) => key.startsWith(prefix));
  }

  /** @throws UserError "bad-config" for anything but text */
  text(key: string): string | undefined {
    const value = this.#values.get(key);
    if (value !== undefined && typeof value !== "string") {
      throw this.fault(key, `It is ${shown(value)}, but must be text.`);
    }
    return value;
  }

  /**
   * A whole number from 0, or a list of equal ones: some writers give one per layer.
   * @throws UserError "bad-config" for anything else
   */
  count(key: string): number | undefined {
    const value = this.#values.get(key);
    if (value === undefined) {
      return undefined;
    }
    const number = isArray(value) ? this.#repeated(key, value) : value;
    if (typeof number !== "number" || !Number.isSafeInteger(number) || number < 0) {
      throw this.fault(key, `It is ${shown(number)}, but must be a whole number from 0.`);
    }
    return number;
  }

  /** @throws UserError "bad-config" where it is missing too */
  requiredCount(key: string): number {
    return this.count(key) ?? this.#missing(key);
  }

  /**
   * The shortest decimal that gives the same f32.
   * @throws UserError "bad-config" for anything but a number
   */
  float(key: string): number | undefined {
    const value = this.#values.get(key);
    if (value === undefined) {
      return undefined;
    }
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw this.fault(key, `It is ${shown(value)}, but must be a number.`);
    }
    return shortest(value);
  }

  /** @throws UserError "bad-config" where it is missing too */
  requiredFloat(key: string): number {
    return this.float(key) ?? this.#missing(key);
  }

  /** @throws UserError "bad-config" for anything but true and false */
  flag(key: string): boolean | undefined {
    const value = this.#values.get(key);
    if (value !== undefined && typeof value !== "boolean") {
      throw this.fault(key, `It is ${shown(value)}, but must be true or false.`);
    }
    return value;
  }

  /** @throws UserError "bad-config" for anything but a list of text */
  strings(key: string): readonly string[] | undefined {
    const value = this.#values.get(key);
    if (value === undefined) {
      return undefined;
    }
    if (!isArray(value) || ArrayBuffer.isView(value)) {
      throw this.fault(key, `It is ${shown(value)}, but must be a list of text.`);
    }
    return value;
  }

  /** @throws UserError "bad-config" for anything but a list of numbers */
  numbers(key: string): ArrayLike<number> | undefined {
    const value = this.#values.get(key);
    if (value === undefined) {
      return undefined;
    }
    if (!isArray(value) || !isNumbers(value)) {
      throw this.fault(key, `It is ${shown(value)}, but must be a list of numbers.`);
    }
    return value;
  }

  fault(key: string, message: string): UserError {
    return new UserError("bad-config", message, {
      where: `${this.fileName}, key ${shortJson(key)}`,
      remedy: "Choose another GGUF file of the model. Nothing was loaded.",
    });
  }

  #missing(key: string): never {
    throw this.fault(key, "It is missing.");
  }

  #repeated(key: string, values: GgufArray): GgufValue {
    const [first, ...others] = values;
    if (first === undefined || others.some((value) => value !== first)) {
      throw this.fault(key, "It must be the same for all layers.");
    }
    return first;
  }
}

function isArray(value: GgufValue): value is GgufArray {
  return typeof value === "object";
}

function isNumbers(
  values: GgufArray,
): values is Exclude<GgufArray, readonly string[] | BigUint64Array | BigInt64Array> {
  const isBig = values instanceof BigUint64Array || values instanceof BigInt64Array;
  return ArrayBuffer.isView(values) && !isBig;
}

function shown(value: GgufValue): string {
  if (typeof value === "object") {
    return `a list of ${value.length}`;
  }
  return typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : value.toString();
}

function shortest(value: number): number {
  for (let digits = 1; digits <= f32Digits; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === value) {
      return candidate;
    }
  }
  return value;
}
