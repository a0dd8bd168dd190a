// The methods of Python's str.
// Source: Python's library reference, "String Methods".
import { Bound } from "./arguments.ts";
import type { Budget } from "./budget.ts";
import { formatBraces } from "./formatting.ts";
import { stripLeft, stripRight, whiteSpace } from "./printing.ts";
import {
  hasPairs,
  itemsOf,
  TemplateFault,
  Thing,
  Tuple,
  typeName,
  type Arguments,
  type Value,
} from "./values.ts";

type Method = (text: string, given: Arguments, budget: Budget) => Value;

const methods: Readonly<Record<string, Method>> = {
  upper: (text) => text.toUpperCase(),
  lower: (text) => text.toLowerCase(),
  capitalize: (text) => capitalize(text),
  title: (text) => text.replace(/\p{Cased}+/gu, (word) => capitalize(word)),
  swapcase: (text) =>
    Array.from(text, (one) =>
      one === one.toUpperCase() ? one.toLowerCase() : one.toUpperCase(),
    ).join(""),
  strip: (text, given) => strip(text, charactersOf("strip", given), "both"),
  lstrip: (text, given) => strip(text, charactersOf("lstrip", given), "left"),
  rstrip: (text, given) => strip(text, charactersOf("rstrip", given), "right"),
  removeprefix: (text, given) => {
    const prefix = new Bound("removeprefix", ["prefix"], given).text("prefix");
    return text.startsWith(prefix) ? text.slice(prefix.length) : text;
  },
  removesuffix: (text, given) => {
    const suffix = new Bound("removesuffix", ["suffix"], given).text("suffix");
    return suffix !== "" && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
  },
  split: (text, given, budget) => split(text, "split", given, budget),
  rsplit: (text, given, budget) => split(text, "rsplit", given, budget),
  splitlines: (text, given, budget) => {
    new Bound("splitlines", [], given);
    budget.characters(text.length);
    return splitLines(text);
  },
  partition: (text, given) => partition(text, "partition", given),
  rpartition: (text, given) => partition(text, "rpartition", given),
  startswith: (text, given) => anyEdge("startswith", given, (edge) => text.startsWith(edge)),
  endswith: (text, given) => anyEdge("endswith", given, (edge) => text.endsWith(edge)),
  replace: (text, given, budget) => {
    const bound = new Bound("replace", ["old", "new", "count"], given);
    return replaceText(
      text,
      bound.text("old"),
      bound.text("new"),
      bound.integer("count", -1),
      budget,
    );
  },
  find: (text, given) => placeOf(text, wantedIn("find", given), false),
  rfind: (text, given) => placeOf(text, wantedIn("rfind", given), true),
  index: (text, given) => found(placeOf(text, wantedIn("index", given), false)),
  count: (text, given) => countOf(text, wantedIn("count", given)),
  join: (text, given, budget) => {
    const items = itemsOf(new Bound("join", ["iterable"], given).required("iterable"));
    const texts = items.filter((item) => typeof item === "string");
    const wrong = items.find((item) => typeof item !== "string");
    if (wrong !== undefined) {
      throw new TemplateFault(`join() needs texts, not ${typeName(wrong)}`);
    }
    const joined = texts.join(text);
    budget.characters(joined.length);
    return joined;
  },
  format: (text, given, budget) => formatBraces(text, given, budget),
  zfill: (text, given, budget) => {
    const [sign = ""] = /^[+-]/.exec(text) ?? [];
    const width = widthOf("zfill", given, budget) - sign.length;
    return sign + text.slice(sign.length).padStart(width, "0");
  },
  ljust: (text, given, budget) => pad(text, "ljust", given, budget),
  rjust: (text, given, budget) => pad(text, "rjust", given, budget),
  center: (text, given, budget) => pad(text, "center", given, budget),
  isdigit: (text) => /^[\p{Nd}\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089]+$/u.test(text),
  isalpha: (text) => /^\p{L}+$/u.test(text),
  isalnum: (text) => /^[\p{L}\p{N}]+$/u.test(text),
  isupper: (text) => isUpper(text),
};

/** The bound method of a text; undefined where there is none. */
export function textMethod(text: string, name: string, budget: Budget): Value | undefined {
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  return method === undefined
    ? undefined
    : new Thing("builtin_function_or_method", {
        call: (given) => method(text, given, budget),
      });
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
  text: string,
  characters: string | null,
  side: "both" | "left" | "right",
): string {
  if (characters === null) {
    const left = side === "right" ? text : stripLeft(text);
    return side === "left" ? left : stripRight(left);
  }
  const away = new Set(characters);
  const all = Array.from(text);
  let [begin, end] = [0, all.length];
  while (side !== "right" && begin < end && away.has(all[begin] ?? "")) {
    begin++;
  }
  while (side !== "left" && end > begin && away.has(all[end - 1] ?? "")) {
    end--;
  }
  return all.slice(begin, end).join("");
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
  text: string,
  old: string,
  replacement: string,
  count: number,
  budget: Budget,
): string {
  const places = countOf(text, old);
  const times = count < 0 ? places : Math.min(count, places);
  budget.items(places);
  budget.characters(text.length + times * replacement.length);
  let left = times;
  const pattern = old === "" ? /(?:)/gu : literal(old);
  return text.replace(pattern, (found) => (left-- > 0 ? replacement : found));
}

// eslint-disable-next-line no-control-regex -- Python ends lines at these as well
const lineEnds = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

/** Splits at every line end that Python knows. */
export function splitLines(text: string): string[] {
  const lines: string[] = [];
  let begin = 0;
  for (const match of text.matchAll(lineEnds)) {
    lines.push(text.slice(begin, match.index));
    begin = match.index + match[0].length;
  }
  return begin < text.length ? [...lines, text.slice(begin)] : lines;
}

function split(text: string, name: "split" | "rsplit", given: Arguments, budget: Budget): string[] {
  const bound = new Bound(name, ["sep", "maxsplit"], given);
  const separator = bound.optionalText("sep");
  const limit = bound.integer("maxsplit", -1);
  budget.characters(text.length);
  if (separator === "") {
    throw new TemplateFault("empty separator");
  }
  if (separator === null) {
    if (limit >= 0) {
      throw new TemplateFault(`${name}() with maxsplit needs sep`);
    }
    return text.match(new RegExp(`[^${whiteSpace}]+`, "g")) ?? [];
  }
  const parts = text.split(separator);
  const joins = limit < 0 ? 0 : Math.max(0, parts.length - 1 - limit);
  if (joins === 0) {
    return parts;
  }
  return name === "split"
    ? [...parts.slice(0, limit), parts.slice(limit).join(separator)]
    : [parts.slice(0, joins + 1).join(separator), ...parts.slice(joins + 1)];
}

function partition(text: string, name: "partition" | "rpartition", given: Arguments): Tuple {
  const separator = new Bound(name, ["sep"], given).text("sep");
  if (separator === "") {
    throw new TemplateFault("empty separator");
  }
  const at = name === "partition" ? text.indexOf(separator) : text.lastIndexOf(separator);
  if (at < 0) {
    return new Tuple(name === "partition" ? [text, "", ""] : ["", "", text]);
  }
  return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
}

function anyEdge(name: string, given: Arguments, matches: (edge: string) => boolean): boolean {
  const wanted = new Bound(name, ["prefix"], given).required("prefix");
  const edges = wanted instanceof Tuple ? wanted.items : [wanted];
  return edges.some((edge) => {
    if (typeof edge !== "string") {
      throw new TemplateFault(
        `${name} first arg must be str or a tuple of str, not ${typeName(wanted)}`,
      );
    }
    return matches(edge);
  });
}

function charactersOf(name: string, given: Arguments): string | null {
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
  text: string,
  name: "ljust" | "rjust" | "center",
  given: Arguments,
  budget: Budget,
): string {
  const bound = new Bound(name, ["width", "fillchar"], given);
  const width = bound.integer("width");
  budget.characters(Math.max(0, width));
  const missing = Math.max(0, width - Array.from(text).length);
  const fill = bound.text("fillchar", " ");
  // CPython's rule for the side of an odd fill character.
  const left =
    name === "ljust" ? 0 : name === "rjust" ? missing : (missing >> 1) + (missing & width & 1);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}
