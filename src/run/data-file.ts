// Loads a data file, the demo's or the person's own, and describes it for the page.
import type { DataIdentity } from "../checkpoint/file/run-state.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Example } from "../data/example.ts";
import { parseExamples } from "../data/rows.ts";
import { demoDataName, fetchDemoData } from "../sources/demo.ts";
import { sha256Hex } from "../util/bytes.ts";
import { UserError } from "../util/errors.ts";
import type { DataInfo, DataSource } from "./events.ts";

/** Rows are tokenised in memory; a larger file does not train in a tab in reasonable time. */
const maxDataBytes = 512 * 2 ** 20;

export interface LoadedData {
  source: DataSource["kind"];
  name: string;
  blob: Blob;
  sha256: string;
  examples: Example[];
}

/** @throws UserError as `openData`, "network" for the demo; the signal's AbortError */
export async function loadData(
  source: DataSource,
  demoBase: URL,
  signal: AbortSignal,
): Promise<LoadedData> {
  const data =
    source.kind === "demo"
      ? await openData("demo", demoDataName, await fetchDemoData(demoBase, signal))
      : await openData("file", source.file.name, source.file);
  signal.throwIfAborted();
  return data;
}

/**
 * Parses a data file and copies it, so that the copy can be saved with the run.
 * @throws UserError "bad-row" or another of `parseExamples`, naming the file and its lines
 */
export async function openData(
  source: DataSource["kind"],
  name: string,
  blob: Blob,
): Promise<LoadedData> {
  if (blob.size > maxDataBytes) {
    throw new UserError(
      "bad-row",
      `The file has ${blob.size} bytes; the limit is ${maxDataBytes}.`,
      {
        where: name,
        remedy: "Choose a smaller file or a part of it.",
      },
    );
  }
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const text = decodeUtf8(bytes, name);
  return {
    source,
    name,
    // A copy: the file may be edited or deleted before the run is saved.
    blob: new Blob([bytes]),
    sha256: await sha256Hex(bytes),
    examples: parseExamples(text, name),
  };
}

function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UserError("bad-row", "The file is not UTF-8 text.", {
      where: name,
      remedy: "Save it as UTF-8 and choose it again. Nothing was loaded.",
      cause,
    });
  }
}

/** The facts of a data file that the page shows. */
export function describeData({ source, name, blob, examples }: LoadedData): DataInfo {
  return { source, name, rows: examples.length, sizeBytes: blob.size };
}

/** The facts of a data file that a checkpoint keeps: its hash, and which lines are held out. */
export function identityOf(data: LoadedData, dataset: Dataset): DataIdentity {
  return {
    source: data.source,
    name: data.name,
    sizeBytes: data.blob.size,
    sha256: data.sha256,
    rows: data.examples.length,
    heldOutLines: Array.from(dataset.heldOut, ({ line }) => line),
  };
}
