// Work that wants a run's engine for itself: a running loop lets it in between two steps, a
// standing run at once.

export class EngineQueue {
  readonly #waiting: (() => Promise<void>)[] = [];
  #served: Promise<void> = Promise.resolve();

  /** Resolves when all that were let in have gone. */
  get gone(): Promise<void> {
    return this.#served;
  }

  /** Waits to be let in, then works. Answers, or throws, what the work does. */
  async enter<T>(work: () => Promise<T>): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      this.#waiting.push(() => work().then(resolve, reject));
    });
  }

  /** Lets in all that wait, one after the other. */
  async serve(): Promise<void> {
    this.#served = this.#served.then(async () => {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        await next();
      }
    });
    await this.#served;
  }
}
