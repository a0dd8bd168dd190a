// The lists and dicts of a message know it, so that what is made of them as a whole does as well:
// their JSON, their keys. They carry it beside their items, which are the same without tracing.
import { marksOf } from "./marks.ts";
import type { Trace } from "./trace.ts";
import { loose, plain, Traced, type Text } from "./traced.ts";

/** Whose a list or dict is. */
export interface Owner {
  trace: Trace;
  /** Index of its message. */
  from: number;
  /** The field that it is in; "" for the message itself. */
  field: string;
}

const ownerKey = Symbol("owner");
const writtenKey = Symbol("written keys");

/** What a list or dict carries. */
interface Carrier {
  [ownerKey]?: Owner;
  /** The keys that the template took from traced texts. */
  [writtenKey]?: ReadonlyMap<unknown, Traced>;
}

export function own<T extends object>(container: T, owner: Owner): T {
  (container as Carrier)[ownerKey] = owner;
  return container;
}

export function ownerOf(container: object): Owner | undefined {
  return (container as Carrier)[ownerKey];
}

/** A text of a message's field; of the whole message without one. */
export function ownText({ trace, from, field }: Owner, text: string): Traced {
  return new Traced(trace, text, marksOf(trace.code(from, field), text.length), loose);
}

/** What a list or dict prints as a whole: a message's is the message's, punctuation too. */
export function asOwned(container: object, made: Text): Text {
  const owner = ownerOf(container);
  if (owner === undefined) {
    return made;
  }
  if (owner.field !== "" || typeof made === "string") {
    return ownText(owner, plain(made));
  }
  const { trace, text, marks, state } = made;
  const own = trace.changed(marks, (origin) =>
    origin.from < 0 ? { ...origin, from: owner.from } : origin,
  );
  return new Traced(trace, text, own, state);
}

/** The owner of what a dict has under a key, and of the key. */
export function ownerOfField(owner: Owner, key: string): Owner {
  return owner.field === "" ? { ...owner, field: key } : owner;
}

/** The keys of a dict: those of a message's dict came from the message. */
export function keysOf<T>(dict: ReadonlyMap<T | Text, unknown>): (T | Text)[] {
  const owner = ownerOf(dict);
  const written = (dict as Carrier)[writtenKey];
  const keys = [...dict.keys()];
  if (owner === undefined && written === undefined) {
    return keys;
  }
  return keys.map((key) =>
    typeof key !== "string"
      ? key
      : owner === undefined
        ? (written?.get(key) ?? key)
        : ownText(ownerOfField(owner, key), key),
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
    (dict as Carrier)[writtenKey] = written;
  }
  return dict;
}
