// Breaks the browser's database on purpose: full, killed, or with bits flipped behind the store's back.
import { createStore, entries, get, keys, set } from "idb-keyval";
import { vi } from "vitest";

/** The database past the store: the same object store under its own connection. */
export function rawStore(databaseName: string) {
  const use = createStore(databaseName, "values");
  return {
    keys: async () => (await keys<string>(use)).sort(),
    entries: () => entries<string, unknown>(use),
    get: (key: string) => get<unknown>(key, use),
    set: (key: string, value: unknown) => set(key, value, use),
  };
}

export function chunksOf(present: readonly string[]): string[] {
  return present.filter((key) => key.startsWith("chunk/"));
}

/** As browsers do at the n-th put (from 0) of a full disk: the request succeeds, then the transaction aborts. */
export function failPut(n: number, errorName: string | null = "QuotaExceededError"): void {
  let count = 0;
  const put = IDBObjectStore.prototype.put;
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (
    this: IDBObjectStore,
    ...given: Parameters<typeof put>
  ) {
    const request = put.apply(this, given);
    if (count++ === n) {
      // fake-indexeddb's own abort takes the reason, which the public one cannot give.
      const transaction = this.transaction as unknown as { _abort(name: string | null): void };
      request.addEventListener("success", () => {
        transaction._abort(errorName);
      });
    }
    return request;
  });
}

/** As after a kill at the n-th put: neither it nor any later write or delete reaches the database. */
export function killAtPut(n: number): void {
  let count = 0;
  const put = IDBObjectStore.prototype.put;
  const remove = IDBObjectStore.prototype.delete;
  const dead = () => {
    throw new Error("killed");
  };
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (
    this: IDBObjectStore,
    ...given: Parameters<typeof put>
  ) {
    return count++ < n ? put.apply(this, given) : dead();
  });
  vi.spyOn(IDBObjectStore.prototype, "delete").mockImplementation(function (
    this: IDBObjectStore,
    ...given: Parameters<typeof remove>
  ) {
    return count <= n ? remove.apply(this, given) : dead();
  });
}
