// A store for idb-keyval whose transactions are on the disk when they end. idb-keyval opens its own
// with the browser's default, `relaxed`, which a power cut undoes; it awaits the transaction, not
// the request, as it must.
import type { UseStore } from "idb-keyval";
import { databaseErrorOf, newerDatabase } from "./database-fault.ts";
import { beginFreshLog } from "./fresh-log.ts";
import { withTimeout } from "./timeout.ts";

/** Its only object store. */
const storeName = "values";

/** How long the store waits for the database before it reports "busy". */
export interface DatabaseTimeouts {
  /** Includes the fresh log. Opening waits while another tab holds the database. */
  openingMs: number;
  /**
   * A slow disk needs a few seconds for one chunk, and more under load. A shorter limit would fail
   * saves that would have succeeded. A run reports such a wait much earlier (run/stall-watch.ts).
   */
  transactionMs: number;
}

const defaultTimeouts: DatabaseTimeouts = { openingMs: 5000, transactionMs: 30_000 };

export interface StrictStore {
  /**
   * For the calls of idb-keyval. Opens the database on first use, and again when the browser has
   * closed it.
   */
  readonly use: UseStore;
  /**
   * What Chromium said when it had lost the database and made an empty one; null when it said
   * nothing.
   */
  readonly dataLossMessage: () => string | null;
  /** Ends the connection; `use` opens a new one. */
  readonly close: () => Promise<void>;
}

export function strictStore(
  databaseName: string,
  timeouts: DatabaseTimeouts = defaultTimeouts,
): StrictStore {
  let connection: Promise<IDBDatabase> | undefined;
  let dataLossMessage: string | null = null;

  function forget(): void {
    connection = undefined;
  }

  async function openAfresh(): Promise<IDBDatabase> {
    const said = await beginFreshLog(databaseName);
    dataLossMessage ??= said;
    return await openDatabase(databaseName, forget);
  }

  function open(): Promise<IDBDatabase> {
    const opening = openAfresh();
    return withTimeout(opening, timeouts.openingMs, () => {
      // When it comes after all, it must not hold up whoever wants to upgrade or delete the
      // database.
      opening.then(
        (database) => {
          database.close();
        },
        () => undefined,
      );
      return true;
    });
  }

  function connect(): Promise<IDBDatabase> {
    if (connection === undefined) {
      connection = open();
      connection.catch(forget);
    }
    return connection;
  }

  /**
   * Safari closes connections without telling: then no transaction can begin, and a new connection
   * helps.
   */
  async function begin(mode: IDBTransactionMode): Promise<IDBTransaction> {
    const database = await connect();
    try {
      return transaction(database, mode);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "InvalidStateError")) {
        throw error;
      }
      forget();
      return transaction(await connect(), mode);
    }
  }

  return {
    use: async (mode, callback) => {
      try {
        // Only microtasks lie between the two: a transaction ends by itself when a task ends
        // without a request.
        const begun = await begin(mode);
        const answer = answerOf(begun, callback);
        return await withTimeout(answer, timeouts.transactionMs, () => {
          forget();
          return abort(begun);
        });
      } catch (error) {
        throw databaseErrorOf(error);
      }
    },
    dataLossMessage: () => dataLossMessage,
    async close() {
      const open = connection;
      forget();
      (await open)?.close();
    },
  };
}

function openDatabase(databaseName: string, onLost: () => void): Promise<IDBDatabase> {
  const request = indexedDB.open(databaseName, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(storeName);
  };
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      const database = request.result;
      database.onclose = onLost;
      // Another tab deletes or upgrades the database: it waits until this connection is gone.
      database.onversionchange = () => {
        database.close();
        onLost();
      };
      resolve(database);
    };
    request.onerror = () => {
      const { error } = request;
      reject(error?.name === "VersionError" ? newerDatabase(error) : (error ?? new Error("open")));
    };
  });
}

function transaction(database: IDBDatabase, mode: IDBTransactionMode): IDBTransaction {
  return database.transaction(storeName, mode, { durability: "strict" });
}

/**
 * A callback that fails half-way takes back what it began: else the transaction would commit the
 * first half.
 */
async function answerOf<T>(
  begun: IDBTransaction,
  callback: (store: IDBObjectStore) => T | PromiseLike<T>,
): Promise<T> {
  let answer: T | PromiseLike<T>;
  try {
    answer = callback(begun.objectStore(storeName));
  } catch (error) {
    abort(begun);
    throw error;
  }
  return await answer;
}

/** Aborts a transaction; false when it has ended, so that its answer is on the way. */
function abort(begun: IDBTransaction): boolean {
  try {
    begun.abort();
    return true;
  } catch {
    return false;
  }
}
