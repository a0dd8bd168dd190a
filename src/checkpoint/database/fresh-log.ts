// Makes Chromium begin a new log file for IndexedDB. A browser killed during a write leaves half a
// record at the end of LevelDB's log. Chromium appends after it, finds the log corrupt at the next
// opening but one, and empties all databases of the page
// (https://github.com/google/leveldb/issues/1287). Deleting a database begins a new log.
import { promisifyRequest } from "idb-keyval";
import { reach } from "./kill-points.ts";

/**
 * Must be called before a connection is opened. Needs some 10 ms; other browsers create and delete
 * a database without effect.
 * @returns Chromium's message when it had lost the databases and created empty ones, which it
 *   reports once, to the first connection; null without a message
 */
export async function beginFreshLog(databaseName: string): Promise<string | null> {
  try {
    return await makeAndDelete(`${databaseName} fresh log`);
  } catch {
    // For example a full disk: saved runs are still readable.
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
  await reach?.("in-fresh-log");
  await promisifyRequest(indexedDB.deleteDatabase(databaseName));
  return dataLossMessage;
}

/** Only Chromium reports it, on the event that creates a database. */
function dataLossMessageOf(event: IDBVersionChangeEvent & { dataLoss?: string }): string | null {
  const { dataLoss, dataLossMessage } = event as { dataLoss?: string; dataLossMessage?: string };
  return dataLoss === "total" ? (dataLossMessage ?? "the data was lost") : null;
}
