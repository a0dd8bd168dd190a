// A store for idb-keyval whose transactions are on the disk when they end. idb-keyval opens its own with the
// browser's default, `relaxed`, which a power cut undoes; it awaits the transaction, not the request, as it must.
import { promisifyRequest, type UseStore } from "idb-keyval";

/** Its only object store. */
const storeName = "values";

export interface StrictStore {
  /** For the calls of idb-keyval. Opens the database on first use, and again when the browser has closed it. */
  readonly use: UseStore;
  /** Ends the connection; `use` opens a new one. */
  readonly close: () => Promise<void>;
}

export function strictStore(databaseName: string): StrictStore {
  let connection: Promise<IDBDatabase> | undefined;

  function forget(): void {
    connection = undefined;
  }

  function connect(): Promise<IDBDatabase> {
    if (connection === undefined) {
      connection = openDatabase(databaseName, forget);
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
      // Only microtasks lie between the two: a transaction ends by itself when a task ends without a request.
      const begun = await begin(mode);
      return Promise.resolve(callback(begun.objectStore(storeName))).catch(refuse);
    },
    async close() {
      const open = connection;
      forget();
      (await open)?.close();
    },
  };
}

async function openDatabase(databaseName: string, onLost: () => void): Promise<IDBDatabase> {
  const request = indexedDB.open(databaseName, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(storeName);
  };
  const database = await promisifyRequest(request);
  database.onclose = onLost;
  // Another tab deletes or upgrades the database: it waits until this connection is gone.
  database.onversionchange = () => {
    database.close();
    onLost();
  };
  return database;
}

function transaction(database: IDBDatabase, mode: IDBTransactionMode): IDBTransaction {
  return database.transaction(storeName, mode, { durability: "strict" });
}

/** An aborted transaction may come without any reason. */
function refuse(reason: unknown): never {
  throw reason instanceof Error
    ? reason
    : new Error("The browser's database gave a transaction up without a reason.");
}
