// Makes the database of a page's saved runs one that it cannot open, as other versions, other
// programs and cut-off creations leave it. Runs in the page, and in Node on a database in memory.

export type Unopenable = "newer version" | "stores missing";

/** @param name of the database; its connections close at the request */
export async function makeUnopenable([name, kind]: readonly [string, Unopenable]): Promise<void> {
  const ended = (request: IDBOpenDBRequest) =>
    new Promise<IDBDatabase>((resolve, reject) => {
      request.onsuccess = () => {
        resolve(request.result);
      };
      request.onerror = () => {
        reject(request.error ?? new Error("not opened"));
      };
    });
  if (kind === "newer version") {
    // What it holds stays: a later version may know more of it.
    (await ended(indexedDB.open(name, 9))).close();
    return;
  }
  await ended(indexedDB.deleteDatabase(name));
  (await ended(indexedDB.open(name, 1))).close();
}
