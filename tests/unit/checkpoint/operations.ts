// Stands between a store and its database, so that any one operation can be made to fail as
// browsers fail it.
import { vi } from "vitest";

const requests = [
  "add",
  "put",
  "delete",
  "clear",
  "get",
  "getKey",
  "getAll",
  "getAllKeys",
  "count",
  "openCursor",
  "openKeyCursor",
] as const;

type RequestName = (typeof requests)[number];
export type OperationName = "open" | "transaction" | RequestName;

/** The error that the operation on `target` is to fail with, by name; null lets it be. */
export type Decide = (name: OperationName, target: unknown) => string | null;

type Method = (this: unknown, ...given: unknown[]) => unknown;

/**
 * Asks before every operation on any database, in the order in which they are called;
 * `vi.restoreAllMocks` ends it.
 */
export function interceptOperations(decide: Decide): void {
  intercept(IDBFactory.prototype, "open", (open, target) => {
    const errorName = decide("open", target);
    return errorName === null ? open() : refusedOpening(errorName);
  });
  intercept(IDBDatabase.prototype, "transaction", (begin, target, [, mode]) => {
    if (mode === "versionchange") {
      return begin(); // fake-indexeddb's own, within an opening
    }
    const errorName = decide("transaction", target);
    if (errorName !== null) {
      throw fault(errorName);
    }
    return begin();
  });
  for (const name of requests) {
    intercept(IDBObjectStore.prototype, name, (request, target) => {
      const errorName = decide(name, target);
      const made = request() as IDBRequest;
      if (errorName !== null && name === "put") {
        abortAfter(made, errorName);
      } else if (errorName !== null) {
        failRequest(made, errorName);
      }
      return made;
    });
  }
}

function intercept(
  target: object,
  name: string,
  around: (go: () => unknown, target: unknown, given: unknown[]) => unknown,
): void {
  const original = Reflect.get(target, name) as Method;
  vi.spyOn(target as Record<string, Method>, name).mockImplementation(function (
    this: unknown,
    ...given
  ) {
    return around(() => original.apply(this, given), this, given);
  });
}

function fault(errorName: string): DOMException {
  return new DOMException("Made to fail.", errorName);
}

function refusedOpening(errorName: string): IDBOpenDBRequest {
  const request = new IDBOpenDBRequest();
  Object.assign(request, { readyState: "done", error: fault(errorName) });
  setImmediate(() => {
    request.onerror?.(new Event("error"));
  });
  return request;
}

/**
 * What a full or failing disk does to a write: the request succeeds, then the transaction aborts.
 */
function abortAfter(request: IDBRequest, errorName: string): void {
  // fake-indexeddb's own abort takes the reason, which the public one cannot give.
  const transaction = request.transaction as unknown as { _abort(errorName: string): void };
  request.addEventListener("success", () => {
    transaction._abort(errorName);
  });
}

/** The request fails, and by that its transaction. */
function failRequest(request: IDBRequest, errorName: string): void {
  const { _requests } = request.transaction as unknown as {
    _requests: { operation: () => void }[];
  };
  _requests.at(-1)!.operation = () => {
    throw fault(errorName);
  };
}
