// The bundled demo: a small model and a data set, fetched from this page's own origin.
import { blobSource, type ByteSource } from "../formats/byte-source.ts";
import { UserError } from "../util/errors.ts";
import type { FileSet, Progress } from "./files.ts";

export const demoModelName = "anneal-demo-1m";
export const demoDataName = "data.jsonl";

const modelFiles = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "model.safetensors",
];

/** Fetches the demo model. @param base folder URL of the demo, ending in a slash */
export async function fetchDemoModel(
  base: URL,
  progress: Progress,
  signal: AbortSignal,
): Promise<FileSet> {
  const files = new Map<string, ByteSource>();
  let doneBytes = 0;
  for (const name of modelFiles) {
    const blob = await fetchFile(new URL(`model/${name}`, base), signal);
    doneBytes += blob.size;
    files.set(name, blobSource(blob, name));
    progress(doneBytes, null);
  }
  return { source: "demo", name: demoModelName, files };
}

/** Fetches the demo's data set. */
export async function fetchDemoData(base: URL, signal: AbortSignal): Promise<File> {
  return new File([await fetchFile(new URL(demoDataName, base), signal)], demoDataName);
}

async function fetchFile(url: URL, signal: AbortSignal): Promise<Blob> {
  let fault: string;
  try {
    const response = await fetch(url, { signal });
    if (response.ok) {
      return await response.blob();
    }
    fault = `The server answered ${response.status}.`;
  } catch (error) {
    signal.throwIfAborted();
    fault = `The server did not send the file (${(error as Error).message}).`;
  }
  throw new UserError("missing-file", fault, {
    where: url.pathname,
    remedy:
      "Check the connection and reload the page. If it happens again, the site's demo folder is incomplete.",
  });
}
