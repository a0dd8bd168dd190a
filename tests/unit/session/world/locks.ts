// Web Locks for Node, as far as Anneal uses them: exclusive, in order of requests, shared by all
// tabs of the process.

type Task = (lock: { name: string } | null) => unknown;

interface Holder {
  name: string;
  /** Rejects the holder's request: the lock was stolen. */
  rob: () => void;
}

export class Locks {
  readonly #holders = new Map<string, Holder>();
  readonly #queues = new Map<string, (() => void)[]>();

  async request(name: string, ...rest: [Task] | [LockOptions, Task]): Promise<unknown> {
    const [options, task] = rest.length === 1 ? [{}, rest[0]] : rest;
    if (options.steal) {
      this.#holders.get(name)?.rob();
      return await this.#hold(name, task);
    }
    if (this.#holders.has(name)) {
      if (options.ifAvailable) {
        return await task(null);
      }
      await this.#turn(name, options.signal);
    }
    return await this.#hold(name, task);
  }

  query(): Promise<LockManagerSnapshot> {
    const held = [...this.#holders.keys()].map((name) => ({ name, mode: "exclusive" as const }));
    return Promise.resolve({ held, pending: [] });
  }

  /** Releases all locks, as the end of all tabs does. */
  clear(): void {
    this.#holders.clear();
    this.#queues.clear();
  }

  async #hold(name: string, task: Task): Promise<unknown> {
    return await new Promise((resolve, reject) => {
      const holder: Holder = {
        name,
        rob: () => {
          reject(new DOMException("The lock was stolen.", "AbortError"));
        },
      };
      this.#holders.set(name, holder);
      void Promise.resolve()
        .then(() => task({ name }))
        .then(resolve, reject)
        .finally(() => {
          if (this.#holders.get(name) === holder) {
            this.#holders.delete(name);
            this.#queues.get(name)?.shift()?.();
          }
        });
    });
  }

  async #turn(name: string, signal: AbortSignal | undefined): Promise<void> {
    const queue = this.#queues.get(name) ?? [];
    this.#queues.set(name, queue);
    await new Promise<void>((resolve, reject) => {
      queue.push(resolve);
      signal?.addEventListener("abort", () => {
        queue.splice(queue.indexOf(resolve), 1);
        reject(signal.reason as Error);
      });
    });
  }
}
