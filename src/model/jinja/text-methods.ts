// The methods of Python's str.
// Source: Python's library reference, "String Methods".
import { Bound } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { formatBraces } from "./formatting.ts";
import { stripLeft, stripRight, whiteSpace } from "./printing.ts";
import { cut, glue, plain, recased, repeated, replaced, type Text } from "./tracing/traced.ts";
import {
  hasPairs,
  isText,
  itemsOf,
  TemplateFault,
  Thing,
  Tuple,
  typeName,
  type Arguments,
  type Value,
} from "./values.ts";

/** Methods that return a text, a part of it, or texts: each character keeps its origin. */
const makers: Readonly<Record<string, (text: Text, given: Arguments, budget: Budget) => Value>> = {
  upper: (text) => upperCase(text),
  lower: (text) => lowerCase(text),
  capitalize: (text) => recased(text, capitalize),
  title: (text) => recased(text, title),
  swapcase: (text) => recased(text, swapCase),
  strip: (text, given) => strip(text, awayIn("strip", given), "both"),
  lstrip: (text, given) => strip(text, awayIn("lstrip", given), "left"),
  rstrip: (text, given) => strip(text, awayIn("rstrip", given), "right"),
  removeprefix: (text, given) => {
    const prefix = new Bound("removeprefix", ["prefix"], given).text("prefix");
    return plain(text).startsWith(prefix) ? cut(text, prefix.length) : text;
  },
  removesuffix: (text, given) => {
    const suffix = new Bound("removesuffix", ["suffix"], given).text("suffix");
    return suffix !== "" && plain(text).endsWith(suffix) ? cut(text, 0, -suffix.length) : text;
  },
  split: (text, given, budget) => split(text, "split", given, budget),
  rsplit: (text, given, budget) => split(text, "rsplit", given, budget),
  splitlines: (text, given, budget) => {
    new Bound("splitlines", [], given);
    budget.characters(plain(text).length);
    return splitLines(text);
  },
  partition: (text, given) => partition(text, "partition", given),
  rpartition: (text, given) => partition(text, "rpartition", given),
  replace: (text, given, budget) => {
    const bound = new Bound("replace", ["old", "new", "count"], given);
    const count = bound.integer("count", -1);
    return replaceText(text, bound.text("old"), bound.written("new"), count, budget);
  },
  join: (text, given, budget) => {
    const items = itemsOf(new Bound("join", ["iterable"], given).required("iterable"));
    const texts = items.filter((item) => isText(item));
    const wrong = items.find((item) => !isText(item));
    if (wrong !== undefined) {
      throw new TemplateFault(`join() needs texts, not ${typeName(wrong)}`);
    }
    const joined = glue(texts, text);
    budget.characters(plain(joined).length);
    return joined;
  },
  format: (text, given, budget) => formatBraces(text, given, budget),
  zfill: (text, given, budget) => {
    const { length } = /^[+-]?/.exec(plain(text))?.[0] ?? "";
    const missing = widthOf("zfill", given, budget) - plain(text).length;
    return glue([cut(text, 0, length), "0".repeat(Math.max(0, missing)), cut(text, length)]);
  },
  ljust: (text, given, budget) => pad(text, "ljust", given, budget),
  rjust: (text, given, budget) => pad(text, "rjust", given, budget),
  center: (text, given, budget) => pad(text, "center", given, budget),
};

/** Methods that tell something of a text. */
const readers: Readonly<Record<string, (text: string, given: Arguments) => Value>> = {
  startswith: (text, given) => anyEdge("startswith", given, (edge) => text.startsWith(edge)),
  endswith: (text, given) => anyEdge("endswith", given, (edge) => text.endsWith(edge)),
  find: (text, given) => placeOf(text, wantedIn("find", given), false),
  rfind: (text, given) => placeOf(text, wantedIn("rfind", given), true),
  index: (text, given) => found(placeOf(text, wantedIn("index", given), false)),
  count: (text, given) => countOf(text, wantedIn("count", given)),
  isdigit: (text) => /^[\p{Nd}\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089]+$/u.test(text),
  isalpha: (text) => /^\p{L}+$/u.test(text),
  isalnum: (text) => /^[\p{L}\p{N}]+$/u.test(text),
  isupper: (text) => isUpper(text),
};

/** The bound method of a text; undefined where there is none. */
export function textMethod(text: Text, name: string, budget: Budget): Value | undefined {
  const maker = Object.hasOwn(makers, name) ? makers[name] : undefined;
  const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
  const call =
    maker !== undefined
      ? (given: Arguments) => maker(text, given, budget)
      : reader !== undefined
        ? (given: Arguments) => reader(plain(text), given)
        : null;
  return call === null ? undefined : new Thing("builtin_function_or_method", { call });
}

export function upperCase(text: Text): Text {
  return recased(text, (all) => all.toUpperCase());
}

export function lowerCase(text: Text): Text {
  return recased(text, (all) => all.toLowerCase());
}

function title(text: string): string {
  return text.replace(/\p{Cased}+/gu, (word) => capitalize(word));
}

function swapCase(text: string): string {
  return Array.from(text, (one) =>
    one === one.toUpperCase() ? one.toLowerCase() : one.toUpperCase(),
  ).join("");
}

export function capitalize(text: string): string {
  const [first = "", ...rest] = Array.from(text);
  const upper = first.toUpperCase();
  // Only the first letter of a ligature becomes a capital.
  const title =
    Array.from(upper).length > 1 ? upper.charAt(0) + upper.slice(1).toLowerCase() : upper;
  return title + rest.join("").toLowerCase();
}

export function isUpper(text: string): boolean {
  return /\p{Lu}/u.test(text) && !/[\p{Ll}\p{Lt}]/u.test(text);
}

export function isLower(text: string): boolean {
  return /\p{Ll}/u.test(text) && !/[\p{Lu}\p{Lt}]/u.test(text);
}

/** @param characters the characters to remove; null for white space */
export function strip(
  text: Text,
  characters: string | null,
  side: "both" | "left" | "right",
): Text {
  if (characters === null) {
    const left = side === "right" ? text : stripLeft(text);
    return side === "left" ? left : stripRight(left);
  }
  const away = new Set(characters);
  const all = Array.from(plain(text));
  let [first, last] = [0, all.length];
  let [begin, end] = [0, plain(text).length];
  for (; side !== "right" && first < last && away.has(all[first] ?? ""); first++) {
    begin += all[first]?.length ?? 0;
  }
  for (; side !== "left" && last > first && away.has(all[last - 1] ?? ""); last--) {
    end -= all[last - 1]?.length ?? 0;
  }
  return cut(text, begin, end);
}

/** Occurrences without overlap; the empty text occurs between all characters. */
function countOf(text: string, wanted: string): number {
  if (wanted === "") {
    return Array.from(text).length + 1;
  }
  let count = 0;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    count++;
  }
  return count;
}

function literal(text: string): RegExp {
  return new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`), "gu");
}

/** @param count upper limit of replacements; negative for all */
export function replaceText(
  text: Text,
  old: string,
  replacement: Text,
  count: number,
  budget: Budget,
): Text {
  const places = countOf(plain(text), old);
  const times = count < 0 ? places : Math.min(count, places);
  budget.items(places);
  budget.characters(plain(text).length + times * plain(replacement).length);
  let left = times;
  const pattern = old === "" ? /(?:)/gu : literal(old);
  return replaced(text, pattern, (_, found) => (left-- > 0 ? replacement : found));
}

// eslint-disable-next-line no-control-regex -- Python ends lines at these as well
export const lineEnds = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

/** Splits at every line end that Python knows. */
export function splitLines(text: Text): Text[] {
  const lines: Text[] = [];
  let begin = 0;
  for (const match of plain(text).matchAll(lineEnds)) {
    lines.push(cut(text, begin, match.index));
    begin = match.index + match[0].length;
  }
  return begin < plain(text).length ? [...lines, cut(text, begin)] : lines;
}

function split(text: Text, name: "split" | "rsplit", given: Arguments, budget: Budget): Text[] {
  const bound = new Bound(name, ["sep", "maxsplit"], given);
  const separator = bound.optionalText("sep");
  const limit = bound.integer("maxsplit", -1);
  budget.characters(plain(text).length);
  if (separator === "") {
    throw new TemplateFault("empty separator");
  }
  if (separator === null) {
    if (limit >= 0) {
      throw new TemplateFault(`${name}() with maxsplit needs sep`);
    }
    return words(text);
  }
  const parts = partsBetween(text, separator);
  const joins = limit < 0 ? 0 : Math.max(0, parts.length - 1 - limit);
  if (joins === 0) {
    return parts.map(({ begin, end }) => cut(text, begin, end));
  }
  const [head, tail] = name === "split" ? [limit, parts.length - 1] : [0, joins];
  return parts.flatMap(({ begin, end }, index) =>
    index < head || index > tail
      ? [cut(text, begin, end)]
      : index === head
        ? [cut(text, begin, parts[tail]?.end)]
        : [],
  );
}

/** Where the parts of a text lie, in UTF-16 units. */
function partsBetween(text: Text, separator: string): { begin: number; end: number }[] {
  let begin = 0;
  return plain(text)
    .split(separator)
    .map(({ length }) => {
      const part = { begin, end: begin + length };
      begin = part.end + separator.length;
      return part;
    });
}

const word = new RegExp(`[^${whiteSpace}]+`, "g");

function words(text: Text): Text[] {
  return Array.from(plain(text).matchAll(word), ({ index, 0: { length } }) =>
    cut(text, index, index + length),
  );
}

function partition(text: Text, name: "partition" | "rpartition", given: Arguments): Tuple {
  const separator = new Bound(name, ["sep"], given).text("sep");
  if (separator === "") {
    throw new TemplateFault("empty separator");
  }
  const all = plain(text);
  const at = name === "partition" ? all.indexOf(separator) : all.lastIndexOf(separator);
  if (at < 0) {
    return new Tuple(name === "partition" ? [text, "", ""] : ["", "", text]);
  }
  const end = at + separator.length;
  return new Tuple([cut(text, 0, at), cut(text, at, end), cut(text, end)]);
}

function anyEdge(name: string, given: Arguments, matches: (edge: string) => boolean): boolean {
  const wanted = new Bound(name, ["prefix"], given).required("prefix");
  const edges = wanted instanceof Tuple ? wanted.items : [wanted];
  return edges.some((edge) => {
    if (!isText(edge)) {
      throw new TemplateFault(
        `${name} first arg must be str or a tuple of str, not ${typeName(wanted)}`,
      );
    }
    return matches(plain(edge));
  });
}

function awayIn(name: string, given: Arguments): string | null {
  return new Bound(name, ["chars"], given).optionalText("chars");
}

function wantedIn(name: string, given: Arguments): string {
  return new Bound(name, ["sub"], given).text("sub");
}

/** Index in code points; -1 if not found. */
function placeOf(text: string, wanted: string, isLast: boolean): number {
  const at = isLast ? text.lastIndexOf(wanted) : text.indexOf(wanted);
  return at > 0 && hasPairs(text) ? Array.from(text.slice(0, at)).length : at;
}

function found(place: number): number {
  if (place < 0) {
    throw new TemplateFault("substring not found");
  }
  return place;
}

function widthOf(name: string, given: Arguments, budget: Budget): number {
  const width = new Bound(name, ["width"], given).integer("width");
  budget.characters(Math.max(0, width));
  return width;
}

/** @param given width and, where it is not a space, fillchar */
export function pad(
  text: Text,
  name: "ljust" | "rjust" | "center",
  given: Arguments,
  budget: Budget,
): Text {
  const bound = new Bound(name, ["width", "fillchar"], given);
  const width = bound.integer("width");
  budget.characters(Math.max(0, width));
  const missing = Math.max(0, width - Array.from(plain(text)).length);
  const fill = bound.written("fillchar", " ");
  // CPython's rule for the side of an odd fill character.
  const left =
    name === "ljust" ? 0 : name === "rjust" ? missing : (missing >> 1) + (missing & width & 1);
  return glue([repeated(fill, left), text, repeated(fill, missing - left)]);
}
