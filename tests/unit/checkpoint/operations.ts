// Intercepts every database operation of a store, so that any one can fail as in browsers.
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

/** Names the error with which the operation on `target` fails; null lets it succeed. */
export type Decide = (name: OperationName, target: unknown) => string | null;

type Method = (this: unknown, ...given: unknown[]) => unknown;

/**
 * Calls `decide` before every operation on any database, in call order, until
 * `vi.restoreAllMocks`.
 */
export function interceptOperations(decide: Decide): void {
  intercept(IDBFactory.prototype, "open", (open, target) => {
    const errorName = decide("open", target);
    return errorName === null ? open() : refusedOpening(errorName);
  });
  intercept(IDBDatabase.prototype, "transaction", (begin, target, [, mode]) => {
    if (mode === "versionchange") {
      return begin(); // a call of fake-indexeddb during an opening
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
 * Fails a write like a full or failing disk: the request succeeds, then the transaction aborts.
 */
function abortAfter(request: IDBRequest, errorName: string): void {
  // The internal abort of fake-indexeddb accepts a reason; the public one does not.
  const transaction = request.transaction as unknown as { _abort(errorName: string): void };
  request.addEventListener("success", () => {
    transaction._abort(errorName);
  });
}

/** Fails the request, and with it its transaction. */
function failRequest(request: IDBRequest, errorName: string): void {
  const { _requests } = request.transaction as unknown as {
    _requests: { operation: () => void }[];
  };
  _requests.at(-1)!.operation = () => {
    throw fault(errorName);
  };
}
