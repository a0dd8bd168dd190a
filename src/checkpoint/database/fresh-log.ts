// Makes Chromium begin a new file for what it writes to IndexedDB. A browser killed in mid-write
// leaves half a record at the end of LevelDB's log; Chromium goes on behind it, finds the log
// broken at the opening after, and empties all databases of the page
// (https://github.com/google/leveldb/issues/1287). Deleting a database begins a new log.
import { promisifyRequest } from "idb-keyval";
import { hasKillPoints, reach } from "./kill-points.ts";

/**
 * To be called before a connection is opened. Takes some 10 ms; other browsers just make a database
 * and delete it.
 * @returns what Chromium says when it had lost the databases and made empty ones, which it tells
 *   whoever comes first; null when it says nothing
 */
export async function beginFreshLog(databaseName: string): Promise<string | null> {
  try {
    return await makeAndDelete(`${databaseName} fresh log`);
  } catch {
    // There is no room for it, say: what is saved can be read all the same.
    return null;
  }
}

async function makeAndDelete(databaseName: string): Promise<string | null> {
  const request = indexedDB.open(databaseName, 1);
  let dataLossMessage: string | null = null;
  request.onupgradeneeded = (event) => {
    dataLossMessage = dataLossMessageOf(event);
  };
  (await promisifyRequest(request)).close();
  if (hasKillPoints) {
    await reach("in-fresh-log");
  }
  await promisifyRequest(indexedDB.deleteDatabase(databaseName));
  return dataLossMessage;
}

/** Chromium alone tells, on the event that makes a new database. */
function dataLossMessageOf(event: IDBVersionChangeEvent & { dataLoss?: string }): string | null {
  const { dataLoss, dataLossMessage } = event as { dataLoss?: string; dataLossMessage?: string };
  return dataLoss === "total" ? (dataLossMessage ?? "the data was lost") : null;
}
