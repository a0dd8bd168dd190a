// An IndexedDB connection for idb-keyval whose transactions are on the disk when they end.
// idb-keyval opens its own with the browser's default durability, `relaxed`, which a power cut
// undoes.
import type { UseStore } from "idb-keyval";
import { databaseErrorOf, emptyDatabase, newerDatabase } from "./database-fault.ts";
import { beginFreshLog } from "./fresh-log.ts";
import { withTimeout } from "./timeout.ts";

/** The database's only object store. */
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

/** Opens the database on first use, and again after the browser has closed it. */
export class StrictStore {
  readonly #databaseName: string;
  readonly #timeouts: DatabaseTimeouts;
  readonly #version: "current" | "any";
  #connection: Promise<IDBDatabase> | undefined;
  #dataLossMessage: string | null = null;

  /** @param version `any`: also a database that a newer version of Anneal has made */
  constructor(
    databaseName: string,
    timeouts: DatabaseTimeouts = defaultTimeouts,
    version: "current" | "any" = "current",
  ) {
    this.#databaseName = databaseName;
    this.#timeouts = timeouts;
    this.#version = version;
  }

  /**
   * What Chromium reported when it had lost the database and created an empty one; null without a
   * report.
   */
  get dataLossMessage(): string | null {
    return this.#dataLossMessage;
  }

  /**
   * Runs a callback in one transaction, for the functions of idb-keyval.
   * @throws DatabaseFault; "busy" when the database does not answer
   */
  readonly use: UseStore = async (mode, callback) => {
    try {
      // Only microtasks separate the two: a transaction ends when a task ends without a request.
      const begun = await this.#begin(mode);
      const answer = answerOf(begun, callback);
      return await withTimeout(answer, this.#timeouts.transactionMs, () => {
        this.#forget();
        return abort(begun);
      });
    } catch (error) {
      throw databaseErrorOf(error);
    }
  };

  /** Ends the connection; `use` opens a new one. */
  async close(): Promise<void> {
    const connection = this.#connection;
    this.#forget();
    (await connection)?.close();
  }

  /**
   * Begins a transaction. Safari closes connections without an event: then no transaction can
   * begin, and a new connection helps.
   */
  async #begin(mode: IDBTransactionMode): Promise<IDBTransaction> {
    const database = await this.#connect();
    try {
      return transaction(database, mode);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "InvalidStateError")) {
        throw error;
      }
      this.#forget();
      return transaction(await this.#connect(), mode);
    }
  }

  #connect(): Promise<IDBDatabase> {
    if (this.#connection === undefined) {
      this.#connection = this.#openBeforeTimeout();
      this.#connection.catch(() => {
        this.#forget();
      });
    }
    return this.#connection;
  }

  #openBeforeTimeout(): Promise<IDBDatabase> {
    const opening = this.#open();
    return withTimeout(opening, this.#timeouts.openingMs, () => {
      // A late connection must not block a tab that wants to upgrade or delete the database.
      opening.then(
        (database) => {
          database.close();
        },
        () => undefined,
      );
      return true;
    });
  }

  async #open(): Promise<IDBDatabase> {
    const message = await beginFreshLog(this.#databaseName);
    this.#dataLossMessage ??= message;
    return await openDatabase(this.#databaseName, this.#version, () => {
      this.#forget();
    });
  }

  #forget(): void {
    this.#connection = undefined;
  }
}

function openDatabase(
  databaseName: string,
  version: "current" | "any",
  onLost: () => void,
): Promise<IDBDatabase> {
  const request =
    version === "any" ? indexedDB.open(databaseName) : indexedDB.open(databaseName, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(storeName);
  };
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      const database = request.result;
      if (!database.objectStoreNames.contains(storeName)) {
        database.close();
        reject(emptyDatabase());
        return;
      }
      database.onclose = onLost;
      // Another tab deletes or upgrades the database: it waits until this connection is closed.
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

/** Aborts when the callback throws: the transaction would commit its first half otherwise. */
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

/** Aborts a transaction; false when it has ended, so that its answer is about to arrive. */
function abort(begun: IDBTransaction): boolean {
  try {
    begun.abort();
    return true;
  } catch {
    return false;
  }
}
