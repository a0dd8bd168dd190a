// How much a template may do: real ones come nowhere near, and beyond it a page would run out of
// memory or patience.
import { TemplateFault } from "./values.ts";

/**
 * Steps of evaluation; a second's worth or two. The most verbose of real templates take 300 for a
 * message.
 */
const maxSteps = 5_000_000;
/** Characters of all texts made on the way, and 16 for each item of a list. */
const maxMade = 2 ** 26;
const itemSize = 16;
/** Macros within macros. Python ends at some 300. */
const maxDepth = 100;
/** Rendered text above this is a runaway template, not a conversation. */
const maxOutput = 4_000_000;

export class Budget {
  #steps = 0;
  #made = 0;
  #depth = 0;

  step(): void {
    if (++this.#steps > maxSteps) {
      throw new TemplateFault(`it takes more than ${maxSteps} steps`);
    }
  }

  /** Before a text is made. */
  characters(count: number): void {
    this.#made += count;
    if (this.#made > maxMade) {
      throw new TemplateFault(`it makes texts and lists of more than ${maxMade} characters`);
    }
  }

  /** Before a list is made. */
  items(count: number): void {
    this.characters(count * itemSize);
  }

  /** @param length characters that a text under way has by now */
  output(length: number): void {
    if (length > maxOutput) {
      throw new TemplateFault(`it prints more than ${maxOutput} characters`);
    }
  }

  within<T>(action: () => T): T {
    if (++this.#depth > maxDepth) {
      throw new TemplateFault(`it calls itself more than ${maxDepth} deep`);
    }
    try {
      return action();
    } finally {
      this.#depth--;
    }
  }
}
