// The limits of a template's work. Real templates stay far below them; above, a page would run out
// of memory or stop responding.
import { TemplateFault } from "./values.ts";

/** Evaluation steps: one to two seconds. The longest real templates need 300 per message. */
const maxSteps = 5_000_000;
/** Characters of all intermediate texts, and 16 for each item of a list. */
const maxMade = 2 ** 26;
const itemSize = 16;
/** Nested calls of macros. Python's own limit is about 300. */
const maxDepth = 100;
/** Characters of the rendered text; no conversation is longer. */
const maxOutput = 4_000_000;

export class Budget {
  #steps = 0;
  #made = 0;
  #depth = 0;

  step(): void {
    if (++this.#steps > maxSteps) {
      throw new TemplateFault(`it needs more than ${maxSteps} steps`);
    }
  }

  /** Call before a text is created. */
  characters(count: number): void {
    this.#made += count;
    if (this.#made > maxMade) {
      throw new TemplateFault(`it creates texts and lists of more than ${maxMade} characters`);
    }
  }

  /** Call before a list is created. */
  items(count: number): void {
    this.characters(count * itemSize);
  }

  /** @param length characters written so far */
  output(length: number): void {
    if (length > maxOutput) {
      throw new TemplateFault(`it prints more than ${maxOutput} characters`);
    }
  }

  within<T>(action: () => T): T {
    if (++this.#depth > maxDepth) {
      throw new TemplateFault(`its calls nest deeper than ${maxDepth}`);
    }
    try {
      return action();
    } finally {
      this.#depth--;
    }
  }
}
