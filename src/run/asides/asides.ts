// Work beside the steps of a run, in sight of the person, who may skip some of it: samples, and
// held-out losses besides those of the schedule.
import type { Aside, RunEvent } from "../events.ts";

export class Asides {
  readonly #emit: (event: RunEvent) => void;
  #skip: AbortController | null = null;
  #shown: Aside | null = null;

  constructor(emit: (event: RunEvent) => void) {
    this.#emit = emit;
  }

  /** Does work that the person may skip. @param work gets the signal of that */
  async during<T>(aside: Aside, work: (skipped: AbortSignal) => Promise<T>): Promise<T> {
    const skip = new AbortController();
    this.#skip = skip;
    this.show(aside);
    try {
      return await work(skip.signal);
    } finally {
      this.#skip = null;
      this.show(null);
    }
  }

  /** Shows what is done; null for none. */
  show(aside: Aside | null): void {
    if (aside !== this.#shown) {
      this.#shown = aside;
      this.#emit({ kind: "aside", aside });
    }
  }

  /** Ends the work under way, where there is any. */
  skip(): void {
    this.#skip?.abort();
  }
}
