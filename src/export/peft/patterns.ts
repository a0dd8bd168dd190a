// PEFT's rank_pattern and alpha_pattern: values by a pattern over module paths. Source: peft
// 0.21.2, utils/other.py (get_pattern_key).
import { shortJson } from "../../util/short-json.ts";

/** A pattern of a module path with its value, in the order of the file: the first match counts. */
export type Patterns = readonly (readonly [RegExp, number])[];

/**
 * Characters of names and simple patterns. A repeated group could take exponential time, and Python
 * and JavaScript differ in lookarounds and flags.
 */
const safePattern = /^[\w.\-^$\\|()[\]*+?]{1,200}$/;
const repeatedGroup = /\)[*+?{]|\(\?/;
const maxRepeats = 4;

/** @returns the patterns, or what is wrong with them, as the rest of a sentence */
export function readPatterns(value: unknown, key: string): Patterns | string {
  if (value === undefined || value === null) {
    return [];
  }
  if (typeof value !== "object" || Array.isArray(value)) {
    return `${key} must be an object of numbers, not ${shortJson(value).slice(0, 60)}`;
  }
  const patterns: [RegExp, number][] = [];
  for (const [pattern, number] of Object.entries(value)) {
    const found = typeof number === "number" && number > 0 ? compile(pattern) : null;
    if (found === null) {
      const shown = shortJson({ [pattern]: number as unknown }).slice(0, 80);
      return `${key} has ${shown}, which Anneal does not evaluate`;
    }
    patterns.push([found, Number(number)]);
  }
  return patterns;
}

/** The value of the first pattern that fits. @param path of a module in the base model */
export function patternValue(patterns: Patterns, path: string): number | undefined {
  return patterns.find(([pattern]) => pattern.test(path))?.[1];
}

function compile(pattern: string): RegExp | null {
  const repeats = pattern.match(/[*+?]/g)?.length ?? 0;
  if (!safePattern.test(pattern) || repeatedGroup.test(pattern) || repeats > maxRepeats) {
    return null;
  }
  try {
    return new RegExp(`^(.*\\.)?(${pattern})$`);
  } catch {
    return null;
  }
}
