// Filters, `x | name`, over the items of a value.
// Source: jinja2/filters.py.
import { Bound } from "./arguments.ts";
import { noArguments, type Environment, type Filter } from "./environment.ts";
import { itemOf, pairsOf } from "./members.ts";
import { binary, isEqual, order } from "./operators.ts";
import { printed, toText } from "./printing.ts";
import { glue, plain } from "./tracing/traced.ts";
import {
  charactersOf,
  isText,
  isTrue,
  itemsOf,
  orUndefined,
  Stream,
  TemplateFault,
  Tuple,
  typeName,
  Undefined,
  type Arguments,
  type Value,
} from "./values.ts";

export const listFilters: Readonly<Record<string, Filter>> = {
  list: (value, _, { budget }) => {
    const items = itemsOf(value);
    budget.items(items.length);
    return [...items];
  },
  first: (value) => orUndefined(itemsOf(value)[0], "No first item, sequence was empty."),
  last: (value) => orUndefined(itemsOf(value).at(-1), "No last item, sequence was empty."),
  join: (value, given, environment) => {
    const bound = new Bound("join", ["d", "attribute"], given);
    const items = mapped(value, bound.value("attribute", null), environment);
    const joined = glue(items.map(printed), printed(bound.value("d", "")));
    environment.budget.characters(plain(joined).length);
    return joined;
  },
  reverse: (value) =>
    isText(value)
      ? glue([...charactersOf(value)].reverse())
      : new Stream([...itemsOf(value)].reverse()),
  sort: (value, given, environment) => {
    const bound = new Bound("sort", ["reverse", "case_sensitive", "attribute"], given);
    return sorted(value, bound, environment);
  },
  dictsort: (value, given, environment) => {
    const bound = new Bound("dictsort", ["case_sensitive", "by", "reverse"], given);
    if (!(value instanceof Map)) {
      throw new TemplateFault(`dictsort needs a dict, not ${typeName(value)}`);
    }
    const at = bound.text("by", "key") === "value" ? 1 : 0;
    const isSensitive = isTrue(bound.value("case_sensitive", false));
    const keys = pairsOf(value).map(
      (pair) => [folded(pair.items[at] ?? null, isSensitive), pair] as const,
    );
    environment.budget.items(keys.length);
    return ordered(keys, isTrue(bound.value("reverse", false)));
  },
  unique: (value, given, environment) => {
    const bound = new Bound("unique", ["case_sensitive", "attribute"], given);
    const isSensitive = isTrue(bound.value("case_sensitive", false));
    const keys = keysOf(itemsOf(value), bound, environment);
    const seen: Value[] = [];
    const kept = keys.flatMap(([key, item]) => {
      environment.budget.step();
      const own = folded(key, isSensitive);
      if (seen.some((other) => isEqual(other, own))) {
        return [];
      }
      seen.push(own);
      return [item];
    });
    return new Stream(kept);
  },
  min: (value, given, environment) => extreme("min", value, given, environment),
  max: (value, given, environment) => extreme("max", value, given, environment),
  sum: (value, given, environment) => {
    const bound = new Bound("sum", ["attribute", "start"], given);
    const items = mapped(value, bound.value("attribute", null), environment);
    return items.reduce<Value>(
      (sum, item) => binary("+", sum, item, environment.budget),
      bound.value("start", 0),
    );
  },
  map: (value, given, environment) => {
    if (given.positional.length === 0) {
      const bound = new Bound("map", ["attribute", "default"], given);
      const usual = bound.has("default") ? bound.value("default", null) : undefined;
      return new Stream(mapped(value, bound.required("attribute"), environment, usual));
    }
    const [name, ...rest] = given.positional;
    const inner = { positional: rest, keyword: given.keyword };
    const apply = (item: Value) => environment.filter(toText(name ?? null), item, inner);
    return new Stream(itemsOf(value).map(apply));
  },
  select: (value, given, environment) => selected(value, null, given, environment, true),
  reject: (value, given, environment) => selected(value, null, given, environment, false),
  selectattr: (value, given, environment) => selectedBy(value, given, environment, true),
  rejectattr: (value, given, environment) => selectedBy(value, given, environment, false),
  groupby: (value, given, environment) => {
    const bound = new Bound("groupby", ["attribute", "default", "case_sensitive"], given);
    return grouped(value, bound, environment);
  },
  batch: (value, given) => {
    const bound = new Bound("batch", ["linecount", "fill_with"], given);
    const size = Math.max(1, bound.integer("linecount"));
    const items = itemsOf(value);
    const rows = Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
      items.slice(index * size, (index + 1) * size),
    );
    const fill = bound.value("fill_with", null);
    return new Stream(
      rows.map((row) =>
        fill === null ? row : [...row, ...Array.from({ length: size - row.length }, () => fill)],
      ),
    );
  },
};

/** @param path "a.b.0", an index, or null for the item itself */
function mapped(
  value: Value,
  path: Value,
  environment: Environment,
  usual?: Value,
): readonly Value[] {
  const items = itemsOf(value);
  environment.budget.items(items.length);
  return path === null ? items : items.map((item) => memberAt(item, path, environment, usual));
}

function memberAt(item: Value, path: Value, { budget }: Environment, usual?: Value): Value {
  const parts = isText(path) ? plain(path).split(".") : [path];
  return parts.reduce<Value>((holder, part) => {
    budget.step();
    const index = typeof part === "string" && /^\d+$/.test(part) ? Number(part) : part;
    const found = itemOf(holder, index, budget);
    return found instanceof Undefined && usual !== undefined ? usual : found;
  }, item);
}

type Keyed = readonly [Value, Value];

function keysOf(items: readonly Value[], bound: Bound, environment: Environment): Keyed[] {
  const path = bound.value("attribute", null);
  environment.budget.items(items.length);
  return items.map((item) => [path === null ? item : memberAt(item, path, environment), item]);
}

function folded(key: Value, isSensitive: boolean): Value {
  return isText(key) && !isSensitive ? plain(key).toLowerCase() : key;
}

function ordered<T>(keyed: readonly (readonly [Value, T])[], isReversed: boolean): T[] {
  return keyed
    .toSorted(([a], [b]) => (isReversed ? order(b, a) : order(a, b)))
    .map(([, item]) => item);
}

function sorted(value: Value, bound: Bound, environment: Environment): Value[] {
  const isSensitive = isTrue(bound.value("case_sensitive", false));
  const path = bound.value("attribute", null);
  const paths = isText(path) ? plain(path).split(",") : [path];
  const items = itemsOf(value);
  environment.budget.items(items.length * paths.length);
  const keyed = items.map((item) => {
    const keys = paths.map((one) =>
      folded(one === null ? item : memberAt(item, one, environment), isSensitive),
    );
    return [keys, item] as const;
  });
  return ordered(keyed, isTrue(bound.value("reverse", false)));
}

function extreme(
  name: "min" | "max",
  value: Value,
  given: Arguments,
  environment: Environment,
): Value {
  const bound = new Bound(name, ["case_sensitive", "attribute"], given);
  const isSensitive = isTrue(bound.value("case_sensitive", false));
  const keyed = keysOf(itemsOf(value), bound, environment).map(
    ([key, item]) => [folded(key, isSensitive), item] as const,
  );
  const [first, ...rest] = keyed;
  if (first === undefined) {
    return new Undefined("No aggregated item, sequence was empty.");
  }
  const sign = name === "min" ? 1 : -1;
  return rest.reduce((best, next) => (order(next[0], best[0]) * sign < 0 ? next : best), first)[1];
}

function selectedBy(
  value: Value,
  { positional, keyword }: Arguments,
  environment: Environment,
  isKept: boolean,
): Stream {
  const [path, ...rest] = positional;
  if (path === undefined) {
    throw new TemplateFault("Missing parameter for attribute name");
  }
  return selected(value, path, { positional: rest, keyword }, environment, isKept);
}

/** @param given name and arguments of the test; without a name, truth is tested */
function selected(
  value: Value,
  path: Value,
  { positional, keyword }: Arguments,
  environment: Environment,
  isKept: boolean,
): Stream {
  const [name, ...rest] = positional;
  const inner = { ...noArguments, positional: rest, keyword };
  return new Stream(
    itemsOf(value).filter((item) => {
      environment.budget.step();
      const tested = path === null ? item : memberAt(item, path, environment);
      const passes =
        name === undefined ? isTrue(tested) : environment.test(toText(name), tested, inner);
      return passes === isKept;
    }),
  );
}

function grouped(value: Value, bound: Bound, environment: Environment): Value[] {
  const isSensitive = isTrue(bound.value("case_sensitive", false));
  const usual = bound.has("default") ? bound.value("default", null) : undefined;
  const path = bound.required("attribute");
  const items = itemsOf(value);
  environment.budget.items(items.length);
  const keyed = items.map((item) => {
    const key = memberAt(item, path, environment, usual);
    return [folded(key, isSensitive), { key, item }] as const;
  });
  const groups: { key: Value; items: Value[] }[] = [];
  for (const { key, item } of ordered(keyed, false)) {
    const last = groups.at(-1);
    if (last !== undefined && isEqual(folded(last.key, isSensitive), folded(key, isSensitive))) {
      last.items.push(item);
    } else {
      groups.push({ key, items: [item] });
    }
  }
  return groups.map((group) => new Tuple([group.key, group.items], ["grouper", "list"]));
}
