// Web Locks for Node, as far as Anneal uses them: exclusive, in the order of requests, one process for all tabs.

type Task = (lock: { name: string } | null) => unknown;

export class Locks {
  readonly #queues = new Map<string, Promise<unknown>>();

  async request(name: string, ...rest: [Task] | [LockOptions, Task]): Promise<unknown> {
    const [options, task] = rest.length === 1 ? [{}, rest[0]] : rest;
    const before = this.#queues.get(name);
    if (before !== undefined && options.ifAvailable) {
      return await task(null);
    }
    const result = (before ?? Promise.resolve()).then(() => task({ name }));
    const settled: Promise<unknown> = result
      .catch(() => undefined)
      .then(() => {
        if (this.#queues.get(name) === settled) {
          this.#queues.delete(name);
        }
      });
    this.#queues.set(name, settled);
    return await result;
  }

  /** What the end of all tabs does. */
  clear(): void {
    this.#queues.clear();
  }
}
