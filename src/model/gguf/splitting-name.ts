// The name under which llama.cpp splits texts as a tokenizer.json does: the inverse of
// byte-level.ts.
import { splittings, type Splitting } from "./byte-level.ts";

/**
 * @param tokenizer the content of tokenizer.json
 * @returns undefined where no splitting that is read here is the same
 */
export function splittingNameOf(tokenizer: unknown): string | undefined {
  const steps = stepsOf(memberOf(tokenizer, "pre_tokenizer"));
  const own = steps === null ? null : spelled(steps, tokenizer);
  return Object.entries(splittings).find(([, splitting]) => spelling(splitting) === own)?.[0];
}

/** Whether two names split alike; true for a name that is not read here. */
export function isSameSplitting(a: string, b: string): boolean {
  const [one, other] = [splittings[a], splittings[b]];
  return one === undefined || other === undefined || spelling(one) === spelling(other);
}

function spelling({ patterns, hasGpt2Pattern, ignoresMerges, isComposed }: Splitting): string {
  const last = hasGpt2Pattern === true;
  return JSON.stringify([patterns, last, ignoresMerges === true, isComposed === true]);
}

function spelled(steps: readonly unknown[], tokenizer: unknown): string | null {
  const last = steps.at(-1);
  const patterns = steps.slice(0, -1).map(patternOf);
  if (memberOf(last, "type") !== "ByteLevel" || memberOf(last, "add_prefix_space") === true) {
    return null;
  }
  const normalizer = memberOf(memberOf(tokenizer, "normalizer"), "type");
  return JSON.stringify([
    patterns,
    memberOf(last, "use_regex") !== false,
    memberOf(memberOf(tokenizer, "model"), "ignore_merges") === true,
    normalizer === "NFC",
  ]);
}

/** The regular expression of a step; null for a step that has none. */
function patternOf(step: unknown): unknown {
  if (memberOf(step, "type") === "Digits") {
    return memberOf(step, "individual_digits") === true ? "\\p{N}" : null;
  }
  return memberOf(memberOf(step, "pattern"), "Regex") ?? null;
}

function stepsOf(preTokenizer: unknown): readonly unknown[] | null {
  if (memberOf(preTokenizer, "type") !== "Sequence") {
    return [preTokenizer];
  }
  const steps = memberOf(preTokenizer, "pretokenizers");
  return Array.isArray(steps) ? (steps as unknown[]) : null;
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}
