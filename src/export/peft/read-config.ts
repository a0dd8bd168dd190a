// Reads the adapter_config.json of a PEFT adapter: the options a run starts with, or every reason
// why a run cannot start from it. Source: peft 0.21.0, tuners/lora/config.py.
import type { NumberOption } from "../../recipe/option.ts";
import { allTargetModules, options, type TargetModule } from "../../recipe/options.ts";
import { numberFaults } from "../../recipe/parse.ts";
import { shortJson } from "../../util/short-json.ts";

/** The fields of a LoraConfig that replace options of a recipe. */
export interface PeftConfig {
  rank: number;
  alpha: number;
  dropout: number;
  targetModules: TargetModule[];
}

type Json = Readonly<Record<string, unknown>>;
/** What is wrong with a field, as the rest of a sentence; null when it is fine. */
type Rule = (value: unknown, key: string) => string | null;

/** Fields that change no number of the adapter, whatever their value. */
const harmless: ReadonlySet<string> = new Set([
  "auto_mapping",
  "base_model_name_or_path",
  "inference_mode",
  "layers_pattern", // only together with layers_to_transform
  "megatron_core", // only together with megatron_config
  "peft_version",
  "qalora_group_size", // only together with use_qalora
  "revision",
]);

/**
 * Values of init_lora_weights that leave the base weights unchanged; the others change them (pissa,
 * olora, corda, loftq, ...).
 */
const plainStarts: readonly unknown[] = [true, false, "gaussian", "eva", "orthogonal"];

const modules: ReadonlySet<unknown> = new Set(allTargetModules);

const rules: Readonly<Record<string, Rule>> = {
  peft_type: oneOf(["LORA"]),
  task_type: oneOf([null, "CAUSAL_LM"]),
  bias: oneOf(["none"]),
  init_lora_weights: oneOf(plainStarts),
  r: inRange(options.rank),
  lora_alpha: inRange(options.alpha),
  lora_dropout: inRange(options.dropout),
  target_modules: knownModules,
  use_rslora: unless("scales by alpha / sqrt(r), and Anneal by alpha / r"),
  use_dora: unless("adds magnitude vectors, which Anneal does not train"),
  fan_in_fan_out: unless("means transposed weights (Conv1D), which Anneal does not read"),
  modules_to_save: unless("trains whole modules, and Anneal trains LoRA matrices only"),
  rank_pattern: unless("sets ranks per module, and Anneal has one rank"),
  alpha_pattern: unless("sets alpha per module, and Anneal has one alpha"),
  layers_to_transform: unless("leaves layers without an adapter, and Anneal adapts every layer"),
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
  const fields: Json = { lora_alpha: 8, lora_dropout: 0, ...config };
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
  return {
    rank: Number(fields["r"]),
    alpha: Number(fields["lora_alpha"]),
    dropout: Number(fields["lora_dropout"]),
    targetModules: allTargetModules.filter((name) =>
      listOf(fields["target_modules"]).includes(name),
    ),
  };
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
    : value === null || value === false || value === "";
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

function knownModules(value: unknown, key: string): string | null {
  if (typeof value === "string") {
    return `${key} is the pattern ${shown(value)}, and Anneal needs a list of module names`;
  }
  const names = listOf(value);
  if (names.length === 0) {
    return `${key} must be a list of module names, not ${shown(value)}`;
  }
  const unknown = names.filter((name) => !modules.has(name));
  return unknown.length === 0
    ? null
    : `${key} has ${unknown.map(shown).join(", ")}; Anneal adapts ${allTargetModules.join(", ")}`;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function shown(value: unknown): string {
  return shortJson(value).slice(0, 60);
}
