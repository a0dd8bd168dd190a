// A queue of work that needs a run's engine for itself: an active run drains it between two steps,
// a run at rest at once.

export class EngineQueue {
  readonly #waiting: (() => Promise<void>)[] = [];
  #drained: Promise<void> = Promise.resolve();

  /** Resolves when no work is under way. */
  get drained(): Promise<void> {
    return this.#drained;
  }

  /** Queues work. Resolves, or rejects, as the work does once it was its turn. */
  async add<T>(work: () => Promise<T>): Promise<T> {
    return await new Promise<T>((resolve, reject) => {
      this.#waiting.push(() => work().then(resolve, reject));
    });
  }

  /** Does all queued work, one piece after the other. */
  async drain(): Promise<void> {
    this.#drained = this.#drained.then(async () => {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
        await next();
      }
    });
    await this.#drained;
  }
}
