// The fields of a config.json, each checked when it is read. An error names the file and the key.
import { UserError } from "../../util/errors.ts";
import { supportedModels } from "./architectures.ts";
import { shortJson } from "../../util/short-json.ts";

/** A JSON object of a config. A key that is null reads as absent, as in transformers. */
export class ConfigFields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #fileName: string;
  /** Path of the object inside the file, e.g. `rope_scaling.`. */
  readonly #prefix: string;

  constructor(values: object, fileName: string, prefix = "") {
    this.#values = values as Record<string, unknown>;
    this.#fileName = fileName;
    this.#prefix = prefix;
  }

  /** @throws UserError "bad-config" for what is not a JSON object */
  static parse(text: string, fileName: string): ConfigFields {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw badConfig(fileName, `it is not JSON (${(error as Error).message})`);
    }
    if (!isObject(value)) {
      throw badConfig(fileName, "it is not a JSON object");
    }
    return new ConfigFields(value, fileName);
  }

  keys(): string[] {
    return Object.keys(this.#values);
  }

  /** The value in the file: null stays null, an absent key is undefined. */
  raw(key: string): unknown {
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
  }

  /** Whether the key is present and not null. */
  has(key: string): boolean {
    return (this.raw(key) ?? null) !== null;
  }

  /** @param most a limit that no released model comes near */
  integer(key: string, most: number, fallback?: number, least = 1): number {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      throw this.bad(key, value, `a whole number from ${least} to ${most}`);
    }
    return value;
  }

  positive(key: string, fallback?: number): number {
    const value = this.raw(key) ?? fallback;
    if (!isPositive(value)) {
      throw this.bad(key, value, "above zero");
    }
    return value;
  }

  positiveList(key: string, length: number): number[] {
    const value = this.raw(key);
    if (!Array.isArray(value) || value.length !== length || !value.every(isPositive)) {
      throw this.bad(key, value, `a list of ${length} numbers above zero`);
    }
    return value;
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.raw(key) ?? fallback;
    if (typeof value !== "boolean") {
      throw this.bad(key, value, "true or false");
    }
    return value;
  }

  /** A list with at least one entry per layer; SmolLM3's may be longer. */
  perLayer<T>(key: string, layers: number, allowed: readonly T[]): T[] | null {
    const value = this.raw(key) ?? null;
    if (value === null) {
      return null;
    }
    if (!Array.isArray(value) || value.length < layers) {
      throw this.bad(key, value, `a list of ${layers} entries, one for each layer`);
    }
    return value.slice(0, layers).map((entry: unknown) => {
      const known = allowed.find((candidate) => candidate === entry);
      if (known === undefined) {
        throw this.unsupported(`${this.#prefix}${key} has ${shortJson(entry)}, which`);
      }
      return known;
    });
  }

  /** A nested object; null where it is absent or empty. */
  object(key: string): ConfigFields | null {
    const value = this.raw(key) ?? null;
    if (value === null) {
      return null;
    }
    if (!isObject(value)) {
      throw this.bad(key, value, "an object or null");
    }
    const isEmpty = Object.keys(value).length === 0;
    return isEmpty ? null : new ConfigFields(value, this.#fileName, `${this.#prefix}${key}.`);
  }

  /** "Its KEY is VALUE, but must be WANTED." */
  bad(key: string, value: unknown, wanted: string): UserError {
    const shown = shorten(shortJson(value));
    return badConfig(
      this.#fileName,
      `its ${this.#prefix}${key} is ${shown}, but must be ${wanted}`,
    );
  }

  fault(fault: string): UserError {
    return badConfig(this.#fileName, fault);
  }

  /** "WHAT is not supported." */
  unsupported(what: string): UserError {
    return new UserError("unsupported-architecture", `${what} is not supported.`, {
      where: this.#fileName,
      remedy: `Choose a model of a supported kind: ${supportedModels}.`,
    });
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && value > 0 && Number.isFinite(value);
}

/** JSON short enough for a sentence. */
function shorten(json: string): string {
  return json.length > 80 ? `${json.slice(0, 80)}...` : json;
}

function badConfig(fileName: string, fault: string): UserError {
  return new UserError("bad-config", `${fault.charAt(0).toUpperCase()}${fault.slice(1)}.`, {
    where: fileName,
    remedy: "Choose the model's files again, as they are on Hugging Face. Nothing was loaded.",
  });
}
