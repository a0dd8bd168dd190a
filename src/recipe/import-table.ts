// The recipe of another tool as a table: what each of its keys is to Anneal.
import { shortJson } from "../util/short-json.ts";
import { allTargetModules } from "./options.ts";
import type { Recipe } from "./recipe.ts";

export type OptionName = keyof Recipe;

/** The keys of a file with their values; of a nested table as "lora_parameters.rank". */
export type ForeignKeys = ReadonlyMap<string, unknown>;

/** What a key with its value comes to. */
export type Outcome =
  /** Sets options, to values that the table of options judges later. `but`: what it leaves out. */
  | { kind: "sets"; options: Partial<Record<OptionName, unknown>>; but?: string }
  /** Anneal does so anyway, or the key says nothing. */
  | { kind: "same" }
  /** It would change what is trained, and Anneal cannot do it. */
  | { kind: "differs"; reason: string }
  /** It changes nothing of what is trained. */
  | { kind: "unused"; reason: string }
  | { kind: "fault"; reason: string };

/** A value and the file that it stands in. */
export type Given = [value: unknown, file: ForeignKeys];
export type Reader = (...given: Given) => Outcome;

export interface KeyRule {
  /** What the key is there to set. */
  options: readonly OptionName[];
  read: Reader;
}

export interface Tool {
  name: string;
  rules: ReadonlyMap<string, KeyRule>;
  /** Nested tables whose keys stand for themselves, as if the file were flat. */
  flat: readonly string[];
  /** Nested tables with keys of their own, as "table.key". */
  nested: readonly string[];
  /** Keys that begin like this change nothing of what is trained. */
  unusedPrefixes: Readonly<Record<string, string>>;
}

const same: Outcome = { kind: "same" };

/** A key that is an option under another name. */
export function to(option: OptionName, from: (value: unknown) => unknown = plain): KeyRule {
  return rule([option], (value) =>
    value === null ? same : { kind: "sets", options: { [option]: from(value) } },
  );
}

/** A key that needs more than its own value, or sets more than one option. */
export function rule(options: readonly OptionName[], read: Reader): KeyRule {
  return { options, read };
}

/** A key that changes what is trained, unless it is off or one of these values. */
export function only(agreeing: readonly unknown[], reason: string): KeyRule {
  return rule([], (value) =>
    isOff(value) || agreeing.includes(value) ? same : { kind: "differs", reason },
  );
}

/** A key that changes nothing of what is trained. */
export function unused(reason: string): KeyRule {
  return rule([], (value) => (isOff(value) ? same : { kind: "unused", reason }));
}

/** One rule for many keys. */
export function each(keys: string, one: KeyRule): [string, KeyRule][] {
  return keys.split(/\s+/).map((key) => [key, one]);
}

/** A number that YAML or a person wrote as text, as the tools take it: "2e-4". */
export function plain(value: unknown): unknown {
  const isNumber = typeof value === "string" && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value);
  return isNumber ? Number(value) : value;
}

/** Steps between events. A share of the run, which the tools allow, has no counterpart. */
export function toSteps(option: "evalSteps" | "saveSteps"): KeyRule {
  return rule([option], (given) => {
    const value = plain(given);
    if (typeof value === "number" && value > 0 && value < 1) {
      return { kind: "unused", reason: "a share of the run; Anneal counts steps" };
    }
    return value === null ? same : { kind: "sets", options: { [option]: value } };
  });
}

/** Names of linear layers, also with the block that they are in: "self_attn.q_proj". */
export function toModules(): KeyRule {
  return rule(["targetModules"], (value) => {
    if (value === null || value === "all-linear" || value === "all_linear") {
      return { kind: "sets", options: {} };
    }
    if (typeof value === "string" && !(allTargetModules as readonly string[]).includes(value)) {
      const reason = `is the pattern ${shortJson(value)}; Anneal needs a list of names`;
      return { kind: "fault", reason };
    }
    const names: unknown = typeof value === "string" ? [value] : value;
    const bare = (name: unknown) =>
      typeof name === "string" ? name.replace(/^(self_attn|mlp)\./, "") : name;
    return {
      kind: "sets",
      options: { targetModules: Array.isArray(names) ? names.map(bare) : names },
    };
  });
}

/**
 * Schedule and warmup by transformers' names. Its "constant" has no warmup; steps above zero win
 * over a share.
 */
export function scheduleRules(scheduleKey: string): [string, KeyRule][] {
  const isConstant = (file: ForeignKeys) => file.get(scheduleKey) === "constant";
  const schedule = rule(["schedule"], (value) => {
    switch (value) {
      case null:
        return same;
      case "constant":
        return { kind: "sets", options: { schedule: "constant", warmupSteps: 0 } };
      case "constant_with_warmup":
        return { kind: "sets", options: { schedule: "constant" } };
      default:
        return { kind: "sets", options: { schedule: value } };
    }
  });
  const steps = rule(["warmupSteps"], (given, file) => {
    const isZero = plain(given) === 0 && typeof plain(file.get("warmup_ratio")) === "number";
    return given === null || isZero || isConstant(file)
      ? same
      : { kind: "sets", options: { warmupSteps: plain(given) } };
  });
  const share = rule(["warmupSteps"], (given, file) => {
    const value = plain(given);
    const wanted = plain(file.get("warmup_steps"));
    if (value === null || isConstant(file) || (typeof wanted === "number" && wanted > 0)) {
      return same;
    }
    return typeof value === "number" && value >= 0 && value < 1
      ? { kind: "sets", options: { warmupSteps: value } }
      : { kind: "fault", reason: `must be a share from 0 to below 1, not ${shortJson(given)}` };
  });
  return [
    [scheduleKey, schedule],
    ["warmup_steps", steps],
    ["warmup_ratio", share],
  ];
}

/** Steps of the run; transformers writes -1 for none. */
export function toMaxSteps(): KeyRule {
  return to("maxSteps", (value) => (plain(value) === -1 ? 0 : plain(value)));
}

/** Optimizers by transformers' names: Anneal has AdamW with moments in F32. */
export function adamW(): KeyRule {
  return rule([], (value) => {
    const name = typeof value === "string" ? value : shortJson(value);
    if (/adamw.*(4bit|8bit|fp8)/.test(name)) {
      return { kind: "differs", reason: "AdamW's moments are kept in F32 here" };
    }
    return isOff(value) || /^(paged_)?adamw/.test(name)
      ? same
      : { kind: "differs", reason: "Anneal trains with AdamW" };
  });
}

/** null, false, 0, empty, or nothing but that. Beyond the depth of any option a value is set. */
export function isOff(value: unknown, depth = 0): boolean {
  return typeof value === "object" && value !== null
    ? depth < 8 && Object.values(value).every((item) => isOff(item, depth + 1))
    : value === null || value === false || value === "" || value === 0;
}
