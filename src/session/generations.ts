// The prompts that are being answered, each of which the page can cancel by its request id.

export class Generations {
  readonly #underWay = new Map<number, AbortController>();

  /** Answers one prompt; `signal` aborts when the page cancels it. */
  async during<T>(requestId: number, answer: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    this.#underWay.set(requestId, abort);
    try {
      return await answer(abort.signal);
    } finally {
      this.#underWay.delete(requestId);
    }
  }

  /** Nothing happens when that prompt is answered already. */
  cancel(requestId: number): void {
    this.#underWay.get(requestId)?.abort();
  }
}
