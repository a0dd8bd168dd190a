// Direct access to the database, and ways to break it in a running browser.
import { get, keys, set, type UseStore } from "idb-keyval";
import type { OperationFault } from "./protocol.ts";

export const databaseName = "faults";

/**
 * The store's object store, on a connection that is opened for one call.
 */
export async function raw<T>(work: (use: UseStore) => Promise<T>, name = databaseName): Promise<T> {
  const request = indexedDB.open(name, 1);
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

export const rawKeysOf = (name: string) => raw((use) => keys<string>(use), name);
export const rawKeys = () => raw((use) => keys<string>(use));
export const rawGet = (key: string) => raw((use) => get<unknown>(key, use));
export const rawSet = (key: string, value: unknown) => raw((use) => set(key, value, use));

type Operation = (this: IDBObjectStore, ...given: unknown[]) => IDBRequest;

const operations = ["get", "getAllKeys", "put", "delete", "count"] as const;

/**
 * Makes the k-th operation from now fail, counted from 0, as in browsers: the call throws, its
 * transaction aborts, or its request ends in an error.
 * @returns a function that undoes this; it returns true when the k-th operation was reached
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
 * Adding an existing key fails the request, and aborts its transaction unless the error is handled.
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

/** Collects every connection used from now on. @returns a function that closes them */
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
