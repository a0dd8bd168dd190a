// The database past the store, to look at what is in it and to break it.
import { createStore, del, entries, get, keys, set } from "idb-keyval";

/** The same object store under a connection of its own. */
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
