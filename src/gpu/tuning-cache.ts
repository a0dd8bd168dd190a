// Stores tuning choices of this machine's GPU, in a separate database next to the checkpoints.
import { createStore, get, set } from "idb-keyval";
import type { ChoiceCache } from "./autotune.ts";

/** A cache in IndexedDB; where that is missing or fails, it lasts as long as the worker. */
export function openTuningCache(databaseName: string): ChoiceCache {
  const inWorker = new Map<string, string>();
  const store = typeof indexedDB === "undefined" ? null : createStore(databaseName, "choices");
  return {
    async get(key) {
      const kept = inWorker.get(key);
      return kept ?? (store && (await orNull(() => get(key, store))));
    },
    async set(key, choice) {
      inWorker.set(key, choice);
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
