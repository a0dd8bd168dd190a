// Reads a recipe in the words of Anneal or of another tool: recognises the tool by its keys, and
// says of every key what became of it.
import { nearestName } from "../util/nearest.ts";
import { shortJson } from "../util/short-json.ts";
import { axolotl } from "./import-axolotl.ts";
import { mlx } from "./import-mlx.ts";
import {
  isOff,
  type ForeignKeys,
  type KeyRule,
  type OptionName,
  type Outcome,
  type Tool,
} from "./import-table.ts";
import { trl } from "./import-trl.ts";
import { options } from "./options.ts";
import type { RecipeOption } from "./option.ts";
import { badRecipe, maxKeys, optionFaults, parseRecipe } from "./parse.ts";
import { defaultRecipe, type Recipe } from "./recipe.ts";

/** A key without counterpart, and why. */
export interface UnreadKey {
  key: string;
  /** As short JSON. */
  value: string;
  reason: string;
}

/** What became of a recipe file. */
export interface RecipeReport {
  /** Whose words the file has. */
  tool: string;
  /** How many options it sets. */
  read: number;
  /** How many of its keys say what Anneal does anyway. */
  same: number;
  /** Keys that would change what is trained. */
  differs: readonly UnreadKey[];
  /** Keys that change nothing of what is trained. */
  unused: readonly UnreadKey[];
}

export interface ImportedRecipe {
  /** The options that the file sets, each valid. */
  options: Partial<Recipe>;
  report: RecipeReport;
}

const own = "Anneal";
/** Where several know as many keys the first is taken: the keys that they share mean the same. */
export const tools: readonly Tool[] = [trl, axolotl, mlx];

/**
 * @param value a parsed JSON or YAML file
 * @param where the file that errors name
 * @throws UserError "bad-recipe" with every key that is unknown or has a value that does not fit
 */
export function importRecipe(value: unknown, where: string): ImportedRecipe {
  if (!isTable(value)) {
    throw badRecipe([`it is not a table of options, but ${shortJson(value)}`], where);
  }
  const names = Object.keys(value);
  if (names.length > maxKeys) {
    throw badRecipe([`it has more than ${maxKeys} keys`], where);
  }
  const counts = tools.map((tool) => names.filter((name) => knows(tool, name)).length);
  const most = Math.max(...counts);
  const tool = tools[counts.indexOf(most)];
  const isOwn = names.filter((name) => Object.hasOwn(options, name)).length >= most;
  const read =
    isOwn || tool === undefined ? readOwn(value, where) : readForeign(tool, value, where);
  // Epochs count only without a number of steps, which the defaults may have.
  const { epochs, maxSteps = 0 } = read.options;
  return epochs === undefined ? read : { ...read, options: { ...read.options, maxSteps } };
}

function readOwn(value: object, where: string): ImportedRecipe {
  const foreign = Object.keys(value).flatMap((name) => {
    const meant = Object.hasOwn(options, name) ? null : foreignMeaning(name);
    return meant === null ? [] : [`${name} is ${meant.tool}'s name; Anneal's is ${meant.option}`];
  });
  if (foreign.length > 0) {
    throw badRecipe(foreign, where);
  }
  parseRecipe(value, defaultRecipe, where);
  const read = Object.keys(value).length;
  return { options: value, report: { tool: own, read, same: 0, differs: [], unused: [] } };
}

/** The option that a key of some tool sets, for a file that mixes the words of two. */
function foreignMeaning(name: string): { tool: string; option: OptionName } | null {
  for (const { name: tool, rules } of tools) {
    const option = rules.get(name)?.options[0];
    if (option !== undefined) {
      return { tool, option };
    }
  }
  return null;
}

function readForeign(tool: Tool, value: object, where: string): ImportedRecipe {
  const file = keysOf(tool, value, where);
  const set = new Map<OptionName, { key: string; value: unknown }>();
  const faults: string[] = [];
  const read = new Set<string>();
  let same = 0;
  const differs: UnreadKey[] = [];
  const unused: UnreadKey[] = [];
  for (const [key, given] of file) {
    const unread = (reason: string) => ({ key, value: shortJson(given), reason });
    const outcome = outcomeOf(tool, key, given, file);
    switch (outcome.kind) {
      case "sets":
        namesSet(tool, key, outcome.options).forEach((name) => read.add(name));
        faults.push(...take(set, key, outcome.options));
        differs.push(...(outcome.but === undefined ? [] : [unread(outcome.but)]));
        break;
      case "same":
        same++;
        break;
      case "differs":
        differs.push(unread(outcome.reason));
        break;
      case "unused":
        unused.push(unread(outcome.reason));
        break;
      case "fault":
        faults.push(`${key} ${outcome.reason}`);
        break;
      default:
        outcome satisfies never;
    }
  }
  if (read.size === 0) {
    faults.push(`it sets no option in the words of ${tool.name}`);
  }
  if (faults.length > 0) {
    throw badRecipe(faults, where);
  }
  const values = Object.fromEntries([...set].map(([name, { value }]) => [name, value]));
  const report = { tool: tool.name, read: read.size, same, differs, unused };
  return { options: values, report };
}

/** "All linear layers" is read too, though it leaves the option at its default. */
function namesSet({ rules }: Tool, key: string, values: object): readonly string[] {
  const names = Object.keys(values);
  return names.length > 0 ? names : (rules.get(key)?.options ?? []);
}

/** Takes the values of a key. @returns what is wrong with them */
function take(
  set: Map<OptionName, { key: string; value: unknown }>,
  key: string,
  values: Partial<Record<OptionName, unknown>>,
): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const option: RecipeOption = options[name as OptionName];
    const before = set.get(name as OptionName);
    set.set(name as OptionName, { key, value });
    const other =
      before === undefined || shortJson(before.value) === shortJson(value)
        ? []
        : [
            `${before.key} and ${key} set ${name} to ${shortJson(before.value)} and ${shortJson(value)}`,
          ];
    const list = option.kind === "list" ? `${key}: ` : "";
    return [...other, ...optionFaults(key, value, option).map((fault) => list + fault)];
  });
}

function outcomeOf(tool: Tool, key: string, value: unknown, file: ForeignKeys): Outcome {
  const one = tool.rules.get(key);
  if (one !== undefined) {
    return one.read(value, file);
  }
  const begin = Object.keys(tool.unusedPrefixes).find((prefix) => key.startsWith(prefix));
  if (begin !== undefined) {
    return isOff(value)
      ? { kind: "same" }
      : { kind: "unused", reason: tool.unusedPrefixes[begin] ?? "" };
  }
  return unknownKey(tool, key, value);
}

/** Another tool's word or a slip is a fault; any other key may be of a newer version. */
function unknownKey(tool: Tool, key: string, value: unknown): Outcome {
  const option = Object.hasOwn(options, key) ? key : foreignMeaning(key)?.option;
  if (option !== undefined) {
    const whose = Object.hasOwn(options, key) ? own : foreignMeaning(key)?.tool;
    const mine = [...tool.rules].find(([, { options: sets }]) => sets[0] === option)?.[0];
    const said = mine === undefined ? "" : `; ${tool.name} says ${mine}`;
    return { kind: "fault", reason: `is ${whose ?? own}'s name among ${tool.name}'s${said}` };
  }
  const meant = nearestName(key, namesOf(tool));
  if (meant !== null) {
    return { kind: "fault", reason: `is no key of ${tool.name}; ${meant} is the nearest` };
  }
  return isOff(value)
    ? { kind: "same" }
    : { kind: "differs", reason: `Anneal knows no such key of ${tool.name}` };
}

/** The keys that set something: a slip in another is harmless. */
function namesOf({ rules }: Tool): string[] {
  return [...rules].filter(([, { options: sets }]) => sets.length > 0).map(([key]) => key);
}

function knows({ rules, flat, nested, unusedPrefixes }: Tool, name: string): boolean {
  const isListed = rules.has(name) || flat.includes(name) || nested.includes(name);
  return isListed || Object.keys(unusedPrefixes).some((prefix) => name.startsWith(prefix));
}

/** All keys of the file. What Python prints of a dict has None, which YAML reads as text. */
function keysOf({ flat, nested }: Tool, value: object, where: string): ForeignKeys {
  const file = new Map<string, unknown>();
  const add = (key: string, given: unknown) => {
    const name = /^[\w.-]{1,80}$/.test(key) ? key : shortJson(key);
    const plain = given === "None" ? null : given;
    if (file.has(name) && shortJson(file.get(name)) !== shortJson(plain)) {
      throw badRecipe([`${name} stands twice, with two values`], where);
    }
    file.set(name, plain);
  };
  for (const [key, given] of Object.entries(value) as [string, unknown][]) {
    if (!isTable(given) || ![...flat, ...nested].includes(key)) {
      add(key, given);
      continue;
    }
    for (const [inner, innerValue] of Object.entries(given) as [string, unknown][]) {
      add(flat.includes(key) ? inner : `${key}.${inner}`, innerValue);
    }
  }
  return file;
}

function isTable(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keys of a tool that set an option, for the docs. */
export function keysFor({ rules }: Tool, option: OptionName): string[] {
  const isFor = ([, { options: sets }]: [string, KeyRule]) => sets.includes(option);
  return [...rules].filter(isFor).map(([key]) => key);
}
