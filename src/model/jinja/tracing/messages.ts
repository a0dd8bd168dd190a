// The messages of a chat as values whose texts know their message and field, and whose message an
// item of a loop is.
import { fromJson, Tuple, type Dict, type Value } from "../values.ts";
import { own, ownerOf, withValues, ownText, type Owner } from "./containers.ts";
import { codesOf, marksOf } from "./marks.ts";
import type { Trace } from "./trace.ts";
import { loose, Traced } from "./traced.ts";

/** Values that are searched for the messages they were made of; no message has more. */
const maxSearched = 1_000;

/** Converts the messages of one chat. */
export class MessageTracer {
  readonly #trace: Trace;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** @param from index of the message */
  field(from: number, field: string, value: unknown): Value {
    return ownValue({ trace: this.#trace, from, field }, value);
  }

  message(from: number, fields: Dict): Dict {
    return own(fields, { trace: this.#trace, from, field: "" });
  }
}

function ownValue(owner: Owner, value: unknown): Value {
  if (typeof value === "string") {
    return ownText(owner, value);
  }
  if (Array.isArray(value)) {
    return own(
      value.map((item) => ownValue(owner, item)),
      owner,
    );
  }
  if (typeof value === "object" && value !== null) {
    const items = Object.entries(value).map(([key, item]) => [key, ownValue(owner, item)] as const);
    return own(new Map<Value, Value>(items), owner);
  }
  return fromJson(value);
}

/** The message that a value is; -1 for none. */
export function messageOf(value: Value): number {
  const owner = value instanceof Map ? ownerOf(value) : undefined;
  return owner?.field === "" ? owner.from : -1;
}

/**
 * The message whose turn begins with a value: that which it is, or of whose fields a template made
 * it. -1 for none.
 * @param isWithin whether there is a turn, which a part of a message does not end
 */
export function turnOf(value: Value, isWithin: boolean): number {
  if (!isHolder(value)) {
    return -1;
  }
  const owner = ownerOf(value);
  if (owner !== undefined) {
    return isWithin && owner.field !== "" ? -1 : owner.from;
  }
  const sources = sourcesOf(value);
  const last = Math.max(-1, ...sources);
  if (sources.size < 2) {
    return last;
  }
  // Messages that became one: the last of them, unless its role says which it became.
  const role = value instanceof Map ? value.get("role") : undefined;
  const roles = role instanceof Traced ? sourcesOf([role]) : sources;
  return Math.max(-1, ...roles);
}

function isHolder(value: Value): value is Value[] | Tuple | Dict {
  return Array.isArray(value) || value instanceof Tuple || value instanceof Map;
}

/** The messages out of whose fields the texts of a value came; none for too large a value. */
function sourcesOf(value: Value): ReadonlySet<number> {
  const sources = new Set<number>();
  const seen = new Set<Value>();
  const visit = (inner: Value) => {
    if (seen.size > maxSearched || typeof inner !== "object" || seen.has(inner)) {
      return;
    }
    seen.add(inner);
    if (inner instanceof Traced) {
      for (const code of codesOf(inner.marks)) {
        sources.add(inner.trace.originOf(code).from);
      }
    } else if (isHolder(inner)) {
      const owner = ownerOf(inner);
      if (owner !== undefined) {
        sources.add(owner.from);
      } else {
        const items = inner instanceof Tuple ? inner.items : inner;
        items.forEach(visit);
      }
    }
  };
  visit(value);
  sources.delete(-1);
  return seen.size > maxSearched ? new Set() : sources;
}

/** Keeps values beyond the turn in which the template assigns them. */
export class Keeper {
  readonly #trace: Trace;
  /** By list or dict. A template can nest the same one without limit. */
  readonly #kept = new WeakMap<object, Value>();

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** The value with the present turn in its texts. */
  kept(value: Value): Value {
    if (typeof value === "string") {
      const marks = marksOf(this.#trace.unturned, value.length);
      return value === "" ? value : new Traced(this.#trace, value, marks, loose).held();
    }
    if (value instanceof Traced) {
      return value.held();
    }
    if (!isHolder(value) || ownerOf(value) !== undefined) {
      return value;
    }
    let own = this.#kept.get(value);
    if (own === undefined) {
      own = this.#copy(value);
      this.#kept.set(value, own);
      this.#kept.set(own as object, own);
    }
    return own;
  }

  #copy(value: Value[] | Tuple | Dict): Value {
    if (value instanceof Map) {
      return withValues<Value>(
        value,
        Array.from(value.values(), (item) => this.kept(item)),
      );
    }
    return value instanceof Tuple
      ? new Tuple(
          value.items.map((item) => this.kept(item)),
          value.names,
        )
      : value.map((item) => this.kept(item));
  }
}
