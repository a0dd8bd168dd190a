// Reads the adapter_config.json of a PEFT adapter: ranks and scalings, or every reason why a run
// cannot start from it. Which modules are adapted the tensors say. Source: peft 0.21.2,
// tuners/lora/config.py.
import type { NumberOption } from "../../recipe/option.ts";
import { options } from "../../recipe/options.ts";
import { numberFaults } from "../../recipe/parse.ts";
import { shortJson } from "../../util/short-json.ts";
import { patternValue, readPatterns, type Patterns } from "./patterns.ts";

/** The fields of a LoraConfig that say how its matrices act. */
export interface PeftConfig {
  rank: number;
  alpha: number;
  ranks: Patterns;
  alphas: Patterns;
  /** Scales by alpha / sqrt(rank) instead of alpha / rank. */
  usesRslora: boolean;
  /** Module names of a list; null for a pattern, which can name anything. */
  targetNames: readonly string[] | null;
  /** Whether modules are named without their layers. */
  reachesLastLayer: boolean;
}

type Json = Readonly<Record<string, unknown>>;
/** What is wrong with a field, as the rest of a sentence; null when it is fine. */
type Rule = (value: unknown, key: string) => string | null;

/** Fields that change no number of the adapter, whatever their value. */
const harmless: ReadonlySet<string> = new Set([
  "auto_mapping",
  "base_model_name_or_path",
  // These name modules and layers, of which the tensors tell.
  ...["exclude_modules", "layers_pattern", "layers_to_transform"],
  // Only where A and B begin, or how far they are in training.
  ...["corda_config", "eva_config", "loftq_config", "lora_dropout", "lora_ga_config"],
  "fan_in_fan_out", // PEFT itself takes it back for nn.Linear, which all layers here are
  "inference_mode",
  "megatron_core", // only together with megatron_config
  "peft_version",
  "qalora_group_size", // only together with use_qalora
  "revision",
  "runtime_config",
]);

/**
 * Values of init_lora_weights that leave the base weights unchanged; the others change them (pissa,
 * olora, corda, loftq, ...).
 */
const plainStarts: readonly unknown[] = [true, false, "gaussian", "eva", "orthogonal"];

const rules: Readonly<Record<string, Rule>> = {
  peft_type: oneOf(["LORA"]),
  task_type: oneOf([null, "CAUSAL_LM"]),
  bias: oneOf(["none"]),
  init_lora_weights: oneOf(plainStarts),
  r: inRange(options.rank),
  lora_alpha: positive,
  target_modules: namesOrPattern,
  use_rslora: oneOf([true, false, null]),
  rank_pattern: patterns,
  alpha_pattern: patterns,
  use_dora: unless("adds magnitude vectors, which Anneal does not train"),
  modules_to_save: unless("trains whole modules, and Anneal trains LoRA matrices only"),
  trainable_token_indices: unless("trains rows of the embedding, which Anneal does not"),
  layer_replication: unless("repeats layers of the base model, which Anneal does not"),
  target_parameters: unless("adapts parameters of no linear layer, which Anneal does not"),
};

/**
 * @param config parsed JSON
 * @returns the config, or all faults in words
 */
export function readPeftConfig(config: unknown): PeftConfig | string[] {
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    return ["it is not a JSON object"];
  }
  // PEFT's own defaults for what may be left out.
  const fields: Json = { lora_alpha: 8, ...config };
  const missing = ["peft_type", "r", "target_modules"]
    .filter((key) => !Object.hasOwn(fields, key))
    .map((key) => `${key} is missing`);
  const wrong = Object.entries(fields)
    .filter(([key]) => !harmless.has(key))
    .map(([key, value]) => ruleOf(key)(value, key))
    .filter((fault) => fault !== null);
  return missing.length + wrong.length > 0 ? [...missing, ...wrong] : toPeftConfig(fields);
}

/** After the rules have passed. */
function toPeftConfig(fields: Json): PeftConfig {
  const patternsOf = (key: string) => {
    const read = readPatterns(fields[key], key);
    return typeof read === "string" ? [] : read;
  };
  const targets = fields["target_modules"];
  const targetNames = Array.isArray(targets) ? targets.map(String) : null;
  const namesLayers = targetNames?.some((name) => /\d/.test(name)) ?? true;
  const picksLayers = ["layers_to_transform", "exclude_modules"].some((key) => !isOff(fields[key]));
  return {
    rank: Number(fields["r"]),
    alpha: Number(fields["lora_alpha"]),
    ranks: patternsOf("rank_pattern"),
    alphas: patternsOf("alpha_pattern"),
    usesRslora: fields["use_rslora"] === true,
    targetNames,
    reachesLastLayer: !namesLayers && !picksLayers,
  };
}

/** The rank that a module has by the config. @param path in the base model */
export function rankOf({ rank, ranks }: PeftConfig, path: string): number {
  return patternValue(ranks, path) ?? rank;
}

/**
 * The alpha with which alpha / rank is the module's scaling: PEFT's own, or alpha * sqrt(rank) with
 * rsLoRA.
 */
export function alphaOf(config: PeftConfig, path: string): number {
  const alpha = patternValue(config.alphas, path) ?? config.alpha;
  return config.usesRslora ? alpha * Math.sqrt(rankOf(config, path)) : alpha;
}

function ruleOf(key: string): Rule {
  const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
  return rule ?? unless("is not an option that Anneal supports");
}

/** Accepts only a value that turns the feature off. */
function unless(consequence: string): Rule {
  return (value, key) => (isOff(value) ? null : `${key} is ${shown(value)}, which ${consequence}`);
}

/** null, false or empty. Beyond the depth of any option a value counts as set. */
function isOff(value: unknown, depth = 0): boolean {
  return typeof value === "object" && value !== null
    ? depth < 8 && Object.values(value).every((item) => isOff(item, depth + 1))
    : value === undefined || value === null || value === false || value === "";
}

function oneOf(accepted: readonly unknown[]): Rule {
  return (value, key) =>
    accepted.includes(value)
      ? null
      : `${key} must be ${accepted.map(shown).join(" or ")}, not ${shown(value)}`;
}

function inRange(option: NumberOption): Rule {
  return (value, key) => numberFaults(key, value, option)[0] ?? null;
}

/** A range of alpha holds for the run's, into which this one is folded. */
function positive(value: unknown, key: string): string | null {
  return typeof value === "number" && value > 0
    ? null
    : `${key} must be a number above 0, not ${shown(value)}`;
}

function patterns(value: unknown, key: string): string | null {
  const read = readPatterns(value, key);
  return typeof read === "string" ? read : null;
}

function namesOrPattern(value: unknown, key: string): string | null {
  const isList = Array.isArray(value) && value.every((item) => typeof item === "string");
  return (isList && value.length > 0) || (typeof value === "string" && value !== "")
    ? null
    : `${key} must be module names or a pattern, not ${shown(value)}`;
}

function shown(value: unknown): string {
  return shortJson(value).slice(0, 60);
}
