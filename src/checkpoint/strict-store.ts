// A store for idb-keyval whose transactions are on the disk when they end. idb-keyval opens its own with the
// browser's default, `relaxed`, which a power cut undoes; it awaits the transaction, not the request, as it must.
import type { UseStore } from "idb-keyval";
import { UserError } from "../util/errors.ts";

/** Its only object store. */
const storeName = "values";

/**
 * Nothing tells that the browser does not answer but time. Opening waits for another tab that holds the database; a
 * transaction is one piece, which the slowest disks take in a few seconds, and under load in more: to give it up is to lose
 * a save that would have ended. A run tells of such a wait long before (session/wait-watch.ts).
 */
export interface PatienceMs {
  opening: number;
  transaction: number;
}

const patience: PatienceMs = { opening: 5000, transaction: 30_000 };

export interface StrictStore {
  /** For the calls of idb-keyval. Opens the database on first use, and again when the browser has closed it. */
  readonly use: UseStore;
  /** What Chromium said when it had lost the database and made an empty one; null when it said nothing. */
  readonly lossMessage: () => string | null;
  /** Ends the connection; `use` opens a new one. */
  readonly close: () => Promise<void>;
}

/** The database failed, or did not answer: nothing is known of what is stored. */
export class DatabaseFault extends UserError {}

/** The connection ended while it was in use: what was under way is undone, and trying again may help. */
export class ConnectionLost extends DatabaseFault {
  constructor(cause: unknown) {
    super("unexpected", `The browser closed the database of the saved runs (${String(cause)}).`, {
      remedy: "Save again. If it happens again, reload the page.",
      cause,
    });
  }
}

/** The browser failed at it for a reason of its own, a DOMException, which is the cause. */
export class BrowserFault extends DatabaseFault {
  constructor(cause: unknown) {
    super("unexpected", `The browser's database of the saved runs failed (${String(cause)}).`, {
      remedy: "Try again. If it happens again, reload the page.",
      cause,
    });
  }
}

interface Connection {
  database: IDBDatabase;
  lossMessage: string | null;
}

export function strictStore(databaseName: string, limits: PatienceMs = patience): StrictStore {
  let connection: Promise<IDBDatabase> | undefined;
  let lossMessage: string | null = null;

  function forget(): void {
    connection = undefined;
  }

  async function open(): Promise<IDBDatabase> {
    const opened = await openDatabase(databaseName, forget, limits.opening);
    lossMessage ??= opened.lossMessage;
    return opened.database;
  }

  function connect(): Promise<IDBDatabase> {
    if (connection === undefined) {
      connection = open();
      connection.catch(forget);
    }
    return connection;
  }

  /** Safari closes connections without telling: then no transaction can begin, and a new connection helps. */
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
        // Only microtasks lie between the two: a transaction ends by itself when a task ends without a request.
        const begun = await begin(mode);
        const answer = answerOf(begun, callback);
        return await withPatience(answer, limits.transaction, () => {
          forget();
          return abort(begun);
        });
      } catch (error) {
        throw told(error);
      }
    },
    lossMessage: () => lossMessage,
    async close() {
      const open = connection;
      forget();
      (await open)?.close();
    },
  };
}

function openDatabase(
  databaseName: string,
  onLost: () => void,
  limitMs: number,
): Promise<Connection> {
  const request = indexedDB.open(databaseName, 1);
  let isLate = false;
  let lossMessage: string | null = null;
  request.onupgradeneeded = (event) => {
    lossMessage = lossMessageOf(event);
    request.result.createObjectStore(storeName);
  };
  const opening = new Promise<Connection>((resolve, reject) => {
    request.onsuccess = () => {
      const database = request.result;
      if (isLate) {
        database.close();
        return;
      }
      database.onclose = onLost;
      // Another tab deletes or upgrades the database: it waits until this connection is gone.
      database.onversionchange = () => {
        database.close();
        onLost();
      };
      resolve({ database, lossMessage });
    };
    request.onerror = () => {
      const { error } = request;
      reject(error?.name === "VersionError" ? newerDatabase(error) : (error ?? new Error("open")));
    };
  });
  return withPatience(opening, limitMs, () => {
    isLate = true;
    return true;
  });
}

function transaction(database: IDBDatabase, mode: IDBTransactionMode): IDBTransaction {
  return database.transaction(storeName, mode, { durability: "strict" });
}

/** A callback that fails half-way takes back what it began: else the transaction would commit the first half. */
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

/** How many parts the patience is counted in: a machine that slept wakes one part later, not past the end. */
const patienceParts = 10;

/** Rejects when there is no answer in time and `giveUp` agrees. */
async function withPatience<T>(
  answer: Promise<T>,
  limitMs: number,
  giveUp: () => boolean,
): Promise<T> {
  let timer: ReturnType<typeof setInterval> | undefined;
  let parts = 0;
  const silence = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      parts += 1;
      if (parts === patienceParts && giveUp()) {
        reject(noAnswer(limitMs));
      }
    }, limitMs / patienceParts);
  });
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearInterval(timer);
    answer.catch(() => undefined); // an answer after all is nobody's any more
  }
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

/** What the browser throws, as a sentence. An aborted transaction may come without any reason. */
function told(reason: unknown): Error {
  if (isConnectionLoss(reason)) {
    return new ConnectionLost(reason);
  }
  if (reason instanceof Error && !(reason instanceof DOMException)) {
    return reason;
  }
  return new BrowserFault(reason ?? "a transaction was given up without a reason");
}

/** Not the AbortError of a signal: none comes this deep. */
function isConnectionLoss(reason: unknown): boolean {
  return (
    reason instanceof DOMException && ["AbortError", "InvalidStateError"].includes(reason.name)
  );
}

function newerDatabase(cause: DOMException): DatabaseFault {
  return new DatabaseFault("busy", "A newer Anneal has the database of the saved runs.", {
    remedy: "Reload the page. Nothing was lost.",
    cause,
  });
}

function noAnswer(limitMs: number): DatabaseFault {
  return new DatabaseFault(
    "busy",
    `The browser's database of the saved runs did not answer for ${limitMs / 1000} s.`,
    { remedy: "Close other tabs of this page and try again. Nothing was lost." },
  );
}

/** Chromium alone tells, on the event that makes the new database. */
function lossMessageOf(event: IDBVersionChangeEvent & { dataLoss?: string }): string | null {
  const { dataLoss, dataLossMessage } = event as { dataLoss?: string; dataLossMessage?: string };
  return dataLoss === "total" ? (dataLossMessage ?? "the data was lost") : null;
}
