// Forwards calls to the worker with the session, and its events to the test.
import type { RunTold } from "./run-protocol.ts";

interface Outside {
  /** Set by the test. */
  tell?: (told: RunTold) => Promise<void>;
  call: (name: string, params: unknown) => Promise<unknown>;
}

const outside = globalThis as unknown as Outside;
const worker = new Worker(new URL("./run-worker.ts", import.meta.url), {
  type: "module",
  name: new URL(".", location.href).href,
});
const waiting = new Map<number, (answer: { result?: unknown; error?: string }) => void>();
let calls = 0;

worker.onmessage = ({ data }: MessageEvent<Record<string, unknown>>) => {
  if ("told" in data) {
    void outside.tell?.(data["told"] as RunTold);
  } else {
    waiting.get(data["id"] as number)?.(data);
  }
};

outside.call = async (name, params) => {
  const id = ++calls;
  const answer = new Promise<{ result?: unknown; error?: string }>((resolve) => {
    waiting.set(id, resolve);
  });
  worker.postMessage({ id, name, params });
  const { result, error } = await answer;
  if (error !== undefined) {
    throw new Error(error);
  }
  return result;
};
