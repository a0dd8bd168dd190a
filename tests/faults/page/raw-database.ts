// The database past the store, and ways to break it in a running browser.
import { get, keys, set, type UseStore } from "idb-keyval";
import type { OperationFault } from "./protocol.ts";

export const databaseName = "faults";

/**
 * The store's own object store, under a connection that is opened for one call and closed again.
 */
export async function raw<T>(work: (use: UseStore) => Promise<T>): Promise<T> {
  const request = indexedDB.open(databaseName, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("values");
  };
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error("open"));
    };
  });
  try {
    return await work((mode, callback) =>
      Promise.resolve(callback(database.transaction("values", mode).objectStore("values"))),
    );
  } finally {
    database.close();
  }
}

export const rawKeys = () => raw((use) => keys<string>(use));
export const rawGet = (key: string) => raw((use) => get<unknown>(key, use));
export const rawSet = (key: string, value: unknown) => raw((use) => set(key, value, use));

type Operation = (this: IDBObjectStore, ...given: unknown[]) => IDBRequest;

const operations = ["get", "getAllKeys", "put", "delete", "count"] as const;

/**
 * Makes the k-th operation from now, from 0, fail. As browsers fail: the call throws, its
 * transaction aborts, or its request ends in an error.
 * @returns undoes it, and says whether it came to the k-th
 */
export function breakOperation(k: number, fault: OperationFault): () => boolean {
  let count = 0;
  const prototype = IDBObjectStore.prototype as unknown as Record<string, Operation>;
  const originals = operations.map((name) => [name, prototype[name]!] as const);
  for (const [name, original] of originals) {
    prototype[name] = function (...given) {
      const isIt = count++ === k;
      if (isIt && fault === "throw") {
        throw new DOMException("Made to fail.", "UnknownError");
      }
      if (isIt && fault === "error") {
        return failingRequest(this, original, given);
      }
      const request = original.apply(this, given);
      if (isIt) {
        this.transaction.abort();
      }
      return request;
    };
  }
  return () => {
    for (const [name, original] of originals) {
      prototype[name] = original;
    }
    return count > k;
  };
}

/**
 * Adding a key that is there is an error of the request, and aborts its transaction unless somebody
 * minds it.
 */
function failingRequest(store: IDBObjectStore, original: Operation, given: unknown[]): IDBRequest {
  if (store.transaction.mode === "readonly") {
    const request = original.apply(store, given);
    store.transaction.abort();
    return request;
  }
  store.add(0, "made to fail");
  return store.add(0, "made to fail");
}

/** Every connection that is used from now on. @returns closes them */
export function watchConnections(): () => void {
  const seen = new Set<IDBDatabase>();
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its own `this` below
  const original = IDBDatabase.prototype.transaction;
  IDBDatabase.prototype.transaction = function (...given) {
    seen.add(this);
    return original.apply(this, given);
  };
  return () => {
    seen.forEach((database) => {
      database.close();
    });
    seen.clear();
  };
}
