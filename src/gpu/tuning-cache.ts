// Remembers what was measured on this machine's GPU, in a database of its own beside the
// checkpoints.
import { createStore, get, set } from "idb-keyval";
import type { ChoiceCache } from "./autotune.ts";

/**
 * In IndexedDB; where there is none, or it fails, for as long as the worker lives: then it is
 * measured again.
 */
export function openTuningCache(databaseName: string): ChoiceCache {
  const own = new Map<string, string>();
  const store = typeof indexedDB === "undefined" ? null : createStore(databaseName, "choices");
  return {
    async get(key) {
      const kept = own.get(key);
      return kept ?? (store && (await orNull(() => get(key, store))));
    },
    async set(key, choice) {
      own.set(key, choice);
      if (store !== null) {
        await orNull(() => set(key, choice, store));
      }
    },
  };
}

async function orNull(request: () => Promise<unknown>): Promise<unknown> {
  try {
    return await request();
  } catch {
    return null;
  }
}
