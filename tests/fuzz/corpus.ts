// The inputs that mutations start from: the valid seeds, and each first input with a new outcome.
import { UserError } from "../../src/util/errors.ts";
import type { Draws } from "./draws.ts";
import type { Bytes } from "./family.ts";

const maxInputs = 4_000;
/** Bounds the corpus: a source of a thousand messages would displace all others. */
const maxKeptBytes = 6_000;

export class Corpus {
  readonly #seeds: readonly Bytes[];
  readonly #found: Bytes[] = [];
  readonly #outcomes = new Set<string>();

  constructor(seeds: readonly Bytes[]) {
    this.#seeds = seeds;
  }

  /** The number of different outcomes. */
  get outcomes(): number {
    return this.#outcomes.size;
  }

  /** Picks a seed half of the time, so that mutations do not only accumulate. */
  draw(draws: Draws): Bytes {
    const isSound = this.#found.length === 0 || draws.once(2);
    return draws.of(isSound ? this.#seeds : this.#found);
  }

  /** Keeps the input when its outcome is new. */
  add(input: Bytes, outcome: string): void {
    if (!this.#outcomes.has(outcome)) {
      this.#outcomes.add(outcome);
      if (input.length <= maxKeptBytes && this.#found.length < maxInputs) {
        this.#found.push(input);
      }
    }
  }
}

/**
 * Classifies an outcome: the error without quotations, numbers and the messages of JSON.parse.
 * @param given the return value when nothing was thrown; a string names its outcome
 */
export function outcomeOf(error: unknown, given?: unknown): string {
  if (error === null) {
    return `accepted ${typeof given === "string" ? given : ""}`;
  }
  if (!(error instanceof Error)) {
    return `threw ${typeof error}`;
  }
  const kind = error instanceof UserError ? error.code : error.name;
  const [sentence = ""] = error.message.split("\n"); // rows of data follow
  const message = sentence
    .replace(/"(?:[^"\\]|\\.)*"?/g, '"')
    .replace(/\d+/g, "0")
    .replace(/(not JSON \(|unexpected ).*/s, "$1");
  return `${kind} ${message.slice(0, 200)}`;
}
