// Direct access to the database, to inspect and damage it.
import { createStore, del, entries, get, keys, set } from "idb-keyval";

/** The store's object store on a separate connection. */
export function rawStore(databaseName: string) {
  const use = createStore(databaseName, "values");
  return {
    keys: async () => (await keys<string>(use)).sort(),
    entries: () => entries<string, unknown>(use),
    get: (key: string) => get<unknown>(key, use),
    set: (key: string, value: unknown) => set(key, value, use),
    delete: (key: string) => del(key, use),
  };
}
