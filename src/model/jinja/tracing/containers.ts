// The lists and dicts of a message know it, so that what is made of them as a whole does as well:
// their JSON, their keys. A side table, so that they are the same lists and dicts without tracing.
import type { Trace } from "./trace.ts";
import { loose, plain, Traced, type Text } from "./traced.ts";

/** Whose a list or dict is. */
export interface Owner {
  trace: Trace;
  /** Index of the message. */
  message: number;
  /** The field that it is in; null for the message itself. */
  field: string | null;
}

const owners = new WeakMap<object, Owner>();
const writtenKeys = new WeakMap<object, Map<unknown, Traced>>();

export function own<T extends object>(container: T, owner: Owner): T {
  owners.set(container, owner);
  return container;
}

export function ownerOf(container: object): Owner | undefined {
  return owners.get(container);
}

/** A text of a message's field; of the whole message without one. */
export function ownText({ trace, message, field }: Owner, text: string): Traced {
  const origin = { turn: -1, isHeld: false, from: message, isGeneration: false };
  const code = trace.codeOf({ ...origin, field: field ?? "" });
  return new Traced(trace, text, trace.run(code, text.length), loose);
}

/** What a list or dict prints as a whole: a message's is the message's, punctuation too. */
export function asOwned(container: object, made: Text): Text {
  const owner = owners.get(container);
  if (owner === undefined) {
    return made;
  }
  if (owner.field !== null || typeof made === "string") {
    return ownText(owner, plain(made));
  }
  const { trace, text, marks, state } = made;
  const from = owner.message;
  const own = trace.mapped(marks, [], (origin) => (origin.from < 0 ? { ...origin, from } : origin));
  return new Traced(trace, text, own, state);
}

/** The keys of a dict: those of a message's dict came from the message. */
export function keysOf<T>(dict: ReadonlyMap<T | Text, unknown>): (T | Text)[] {
  const owner = owners.get(dict);
  const written = writtenKeys.get(dict);
  const keys = [...dict.keys()];
  if (owner === undefined && written === undefined) {
    return keys;
  }
  return keys.map((key) =>
    typeof key !== "string"
      ? key
      : owner === undefined
        ? (written?.get(key) ?? key)
        : ownText({ ...owner, field: owner.field ?? key }, key),
  );
}

/** A copy that the template made: no message's, with the values and keys of messages. */
export function copyOf<T>(dict: ReadonlyMap<T, T>): Map<T, T> {
  return withValues(dict, [...dict.values()]);
}

/** @param values one for each key */
export function withValues<T>(dict: ReadonlyMap<T, T>, values: readonly T[]): Map<T, T> {
  return dictFrom<T>(keysOf<T>(dict).map((key, at) => [key as T, values[at] as T] as const));
}

/** A dict of pairs. Keys are plain texts; the origins of traced ones are kept beside it. */
export function dictFrom<T>(pairs: Iterable<readonly [T, T]>): Map<T, T> {
  const dict = new Map<T, T>();
  const written = new Map<unknown, Traced>();
  for (const [key, value] of pairs) {
    if (key instanceof Traced) {
      written.set(key.text, key);
      dict.set(plain(key) as T, value);
    } else {
      dict.set(key, value);
    }
  }
  if (written.size > 0) {
    writtenKeys.set(dict, written);
  }
  return dict;
}
