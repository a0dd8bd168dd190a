// Injects database faults: a full disk, a kill, failed reads.
import { vi } from "vitest";

export function chunksOf(present: readonly string[]): string[] {
  return present.filter((key) => key.startsWith("chunk/"));
}

type Put = (...given: Parameters<IDBObjectStore["put"]>) => IDBRequest<IDBValidKey>;

/** Wraps every put in `around`; `count` starts at 0. */
export function interceptPut(
  around: (put: () => IDBRequest<IDBValidKey>, count: number) => IDBRequest<IDBValidKey>,
): void {
  const original = Reflect.get(IDBObjectStore.prototype, "put") as Put;
  let count = 0;
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (
    this: IDBObjectStore,
    ...given
  ) {
    return around(() => original.apply(this, given), count++);
  });
}

/**
 * Fails the n-th put like a full disk: the request succeeds, then the transaction aborts.
 */
export function failPut(n: number, errorName: string | null = "QuotaExceededError"): void {
  interceptPut((put, count) => {
    const request = put();
    if (count === n) {
      // The internal abort of fake-indexeddb accepts a reason; the public one does not.
      const transaction = request.transaction as unknown as { _abort(name: string | null): void };
      request.addEventListener("success", () => {
        transaction._abort(errorName);
      });
    }
    return request;
  });
}

/** Calls `fail` with every read request of a chunk, until mocks are restored. */
export function failGet(fail: (request: IDBRequest) => void): void {
  vi.restoreAllMocks();
  const original = Reflect.get<IDBObjectStore, "get">(IDBObjectStore.prototype, "get");
  vi.spyOn(IDBObjectStore.prototype, "get").mockImplementation(function (
    this: IDBObjectStore,
    key,
  ) {
    const request = original.call(this, key);
    if (typeof key === "string" && key.startsWith("chunk/")) {
      fail(request);
    }
    return request;
  });
}

/**
 * Simulates a kill at the n-th put: neither it nor a later write or delete reaches the database.
 */
export function killAtPut(n: number): void {
  let isDead = false;
  interceptPut((put, count) => {
    isDead ||= count >= n;
    return isDead ? dead() : put();
  });
  const remove = Reflect.get<IDBObjectStore, "delete">(IDBObjectStore.prototype, "delete");
  vi.spyOn(IDBObjectStore.prototype, "delete").mockImplementation(function (
    this: IDBObjectStore,
    ...given
  ) {
    return isDead ? dead() : remove.apply(this, given);
  });
}

function dead(): never {
  throw new Error("killed");
}
