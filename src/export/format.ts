// What an export format is: what it can carry of a run, said before anything is written, and its
// writer. Each runtime has a room beside this file; formats.ts lists them.
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Example } from "../data/example.ts";
import type { ZipEntry } from "../formats/zip.ts";
import type { BaseModel } from "../model/open.ts";
import type { ValueType, Watch } from "./values.ts";

/** A file for a Blob, which cannot hold shared memory. */
export interface AdapterBytes extends ZipEntry {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The rows of a run, for formats that carry them. */
export interface RunRows {
  /** As tokens, split as in the run. */
  dataset: Dataset;
  /** All usable rows, in the order of the data. */
  examples: () => AsyncIterable<Example>;
  hasChatTemplate: boolean;
}

export interface WriteOptions extends Watch {
  /** The run's base model; null where it is not loaded. */
  model: BaseModel | null;
  /**
   * Reads the rows of the run; left out where none are at hand.
   * @throws UserError "wrong-data" where they are not at hand, "too-long" where they are too many
   */
  rows?: (signal: AbortSignal) => Promise<RunRows>;
  /** One of the format's. */
  valueType: ValueType;
}

export interface ExportFormat {
  /** In file names: lower case. */
  name: string;
  /** On the page. */
  label: string;
  /** How values can be written; the first unless the person chooses another. */
  valueTypes: readonly ValueType[];
  /**
   * What the format keeps of this run, folds or cannot carry, a sentence each: for the page before
   * a download, and for the model card.
   * @param model the run's base model; null where it is not loaded
   * @throws UserError for a run that the format cannot carry, and where it needs the model
   */
  notes: (run: RunState, model: BaseModel | null) => string[];
  /**
   * The files of the exported folder.
   * @throws as `notes`; "bad-adapter" for a value that the type cannot hold; the AbortError of the
   *   signal
   */
  files: (run: RunState, options: WriteOptions) => Promise<AdapterBytes[]>;
}

/** A text as a file. */
export function textFile(name: string, text: string): AdapterBytes {
  return { name, bytes: new TextEncoder().encode(text) };
}
