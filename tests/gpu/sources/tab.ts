// The tests' end of a tab's worker: one task at a time, and an end without warning.
import { fromPlain, type PlainError } from "../../../src/util/errors.ts";
import type { Tasks } from "./storage-worker.ts";

interface Told {
  isReady?: true;
  progress?: number;
  value?: unknown;
  error?: PlainError;
}

type Options<Name extends keyof Tasks> = Parameters<Tasks[Name]>[0];
type Value<Name extends keyof Tasks> = Awaited<ReturnType<Tasks[Name]>>;

export interface Tab {
  run<Name extends keyof Tasks>(
    task: Name,
    options?: Options<Name>,
    onProgress?: (done: number) => void,
  ): Promise<Value<Name>>;
  /** As when the tab is closed or crashes: nothing in it runs any more. */
  kill(): void;
}

export async function openTab(): Promise<Tab> {
  const worker = new Worker(new URL("./storage-worker.ts", import.meta.url), { type: "module" });
  let hear: (told: Told) => void = () => undefined;
  worker.onmessage = ({ data }: MessageEvent<Told>) => {
    hear(data);
  };
  await new Promise<void>((resolve, reject) => {
    hear = () => {
      resolve();
    };
    worker.onerror = ({ message }) => {
      reject(new Error(`The worker failed: ${message}`));
    };
  });
  return {
    run: (task, options, onProgress) =>
      new Promise((resolve, reject) => {
        hear = ({ progress, value, error }) => {
          if (progress !== undefined) {
            onProgress?.(progress);
          } else if (error !== undefined) {
            reject(fromPlain(error));
          } else {
            resolve(value as never);
          }
        };
        worker.postMessage({ task, options });
      }),
    kill() {
      worker.terminate();
    },
  };
}
