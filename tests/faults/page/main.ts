// Forwards calls to the worker, and messages of the worker to the test.
import type { Told } from "./protocol.ts";

interface Outside {
  /** Set by the test. */
  tell?: (told: Told) => Promise<void>;
  call: (name: string, params: unknown) => Promise<unknown>;
  holdUpgrade: () => Promise<void>;
  /**
   * Milliseconds of the longest task since the last call; 0 when none exceeded 50, the browsers'
   * threshold.
   */
  longestTask: () => number;
  /** Runs a task of this length. */
  blockFor: (ms: number) => void;
}

const outside = globalThis as unknown as Outside;
const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const waiting = new Map<
  number,
  { resolve: (result: unknown) => void; reject: (error: Error) => void }
>();
let calls = 0;

worker.onmessage = ({ data }: MessageEvent<Record<string, unknown>>) => {
  if ("told" in data) {
    void outside.tell?.(data["told"] as Told);
    return;
  }
  const call = waiting.get(data["id"] as number);
  if ("error" in data) {
    call?.reject(new Error(String(data["error"])));
  } else {
    call?.resolve(data["result"]);
  }
};

outside.call = (name, params) =>
  new Promise((resolve, reject) => {
    waiting.set(++calls, { resolve, reject });
    worker.postMessage({ id: calls, name, params });
  });

/**
 * Resolves when an upgrade of the store's database has begun; endless requests keep it open.
 */
outside.holdUpgrade = () =>
  new Promise((resolve, reject) => {
    const request = indexedDB.open("faults", 2);
    request.onerror = () => {
      reject(request.error ?? new Error("open"));
    };
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore("held");
      const again = () => {
        store.get(0).onsuccess = again;
      };
      again();
      resolve();
    };
  });

const durations: number[] = [];
new PerformanceObserver((list) => {
  durations.push(...list.getEntries().map(({ duration }) => duration));
}).observe({ type: "longtask" });

outside.longestTask = () => Math.max(0, ...durations.splice(0));

outside.blockFor = (ms) => {
  setTimeout(() => {
    const end = performance.now() + ms;
    while (performance.now() < end) {
      // blocks the thread
    }
  });
};
