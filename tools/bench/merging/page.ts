// Runs in the page: starts the worker and answers its figures.
import type { MergeFigures } from "./worker.ts";

export async function merge(configText: string): Promise<MergeFigures> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  return await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<MergeFigures>) => {
      resolve(data);
    };
    worker.onerror = ({ message }) => {
      reject(new Error(message));
    };
    worker.postMessage(configText);
  });
}
