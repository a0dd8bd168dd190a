// The part of IndexedDB that the store uses, in the memory of this tab: for a page that trains
// without saves. Transactions are whole or undone; their requests succeed in order.
import type { UseStore } from "idb-keyval";

type Listener = (() => void) | null;

class MemoryRequest<T> {
  onsuccess: Listener = null;
  onerror: Listener = null;
  readonly result: T;
  readonly #listeners: (() => void)[] = [];

  constructor(result: T) {
    this.result = result;
  }

  addEventListener(_type: "success", listener: () => void): void {
    this.#listeners.push(listener);
  }

  succeed(): void {
    this.onsuccess?.();
    this.#listeners.forEach((listener) => {
      listener();
    });
  }
}

class MemoryTransaction {
  oncomplete: Listener = null;
  onabort: Listener = null;
  onerror: Listener = null;
  readonly error = null;
  readonly #values: Map<string, unknown>;
  readonly #before: ReadonlyMap<string, unknown>;
  #pending = 0;
  #isOver = false;

  constructor(values: Map<string, unknown>) {
    this.#values = values;
    this.#before = new Map(values);
  }

  get = (key: string) => this.#request(this.#values.get(key));

  getAllKeys = () => this.#request([...this.#values.keys()]);

  put = (value: unknown, key: string) => {
    this.#values.set(key, value);
    return this.#request(key);
  };

  delete = (key: string) => {
    this.#values.delete(key);
    return this.#request(undefined);
  };

  /** As in IndexedDB, the object store knows its transaction. */
  get transaction(): this {
    return this;
  }

  abort(): void {
    this.#isOver = true;
    this.#values.clear();
    this.#before.forEach((value, key) => this.#values.set(key, value));
    queueMicrotask(() => this.onabort?.());
  }

  #request<T>(result: T): MemoryRequest<T> {
    const request = new MemoryRequest(result);
    this.#pending += 1;
    // After the caller has set its listeners, which it does in the same task or the next microtask.
    setTimeout(() => {
      if (!this.#isOver) {
        request.succeed();
        this.#pending -= 1;
        this.#completeSoon();
      }
    });
    return request;
  }

  #completeSoon(): void {
    setTimeout(() => {
      if (this.#pending === 0 && !this.#isOver) {
        this.#isOver = true;
        this.oncomplete?.();
      }
    });
  }
}

/** For the functions of idb-keyval and those of the store. */
export function memoryValues(): UseStore {
  const values = new Map<string, unknown>();
  return async (_mode, callback) => {
    // The store uses no other member of an object store.
    const store = new MemoryTransaction(values) as unknown as IDBObjectStore;
    return await callback(store);
  };
}
