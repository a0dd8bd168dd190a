// The inputs that mutations start from: the sound ones, and each that was the first to end in a new
// way.
import { UserError } from "../../src/util/errors.ts";
import type { Draws } from "./draws.ts";
import type { Bytes } from "./family.ts";

const maxInputs = 4_000;
/** One that a thousand different messages come from would crowd out all others. */
const maxKeptBytes = 6_000;

export class Corpus {
  readonly #seeds: readonly Bytes[];
  readonly #found: Bytes[] = [];
  readonly #outcomes = new Set<string>();

  constructor(seeds: readonly Bytes[]) {
    this.#seeds = seeds;
  }

  /** Different ways in which inputs have ended. */
  get outcomes(): number {
    return this.#outcomes.size;
  }

  /** A sound one half of the time, so that mutations do not only pile up. */
  draw(draws: Draws): Bytes {
    const isSound = this.#found.length === 0 || draws.once(2);
    return draws.of(isSound ? this.#seeds : this.#found);
  }

  /** Keeps the input when nothing has ended as it does. */
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
 * The error without what differs from input to input: what is quoted, numbers, and what JSON.parse
 * says.
 * @param given what was returned when nothing was thrown; a string tells its own outcome
 */
export function outcomeOf(error: unknown, given?: unknown): string {
  if (error === null) {
    return `taken ${typeof given === "string" ? given : ""}`;
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
