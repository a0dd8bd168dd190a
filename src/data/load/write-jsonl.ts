// Writes rows of a data set as JSON Lines: the usable rows with their edits, as a person downloads
// them and as a run keeps them, and the list of the bad ones.
import type { createSHA256 } from "hash-wasm";
import { fetched } from "../../util/later.ts";
import type { DataSet } from "./data-set.ts";
import { exampleOf } from "./data-set.ts";

export interface WrittenRows {
  blob: Blob;
  sha256: string;
  rows: number;
}

/**
 * The usable rows, one object a line, training rows before held-out ones. Line n is the n-th
 * usable row.
 * @throws as `DataSet.rows`; the signal's AbortError
 */
export async function writeUsableRows(set: DataSet, signal?: AbortSignal): Promise<WrittenRows> {
  const { reading } = set;
  const writer = await LineWriter.open();
  for await (const { rows } of set.rows(signal)) {
    for (const row of rows) {
      if ("row" in row && "kind" in exampleOf(row, reading)) {
        writer.add(row.row);
      }
    }
    writer.flush();
  }
  return writer.close();
}

/**
 * The bad rows, one object a line, with file, line, reason and beginning.
 * @throws as `DataSet.rows`; the signal's AbortError
 */
export async function writeBadRows(set: DataSet, signal?: AbortSignal): Promise<WrittenRows> {
  const writer = await LineWriter.open();
  for await (const { file, line, what, text } of set.badRows(signal)) {
    writer.add({ file: set.files[file]?.path, line, reason: what, text });
  }
  writer.flush();
  return writer.close();
}

class LineWriter {
  readonly #hash: Awaited<ReturnType<typeof createSHA256>>;
  readonly #parts: Blob[] = [];
  #lines: string[] = [];
  #rows = 0;

  private constructor(hash: Awaited<ReturnType<typeof createSHA256>>) {
    this.#hash = hash.init();
  }

  static async open(): Promise<LineWriter> {
    const hashes = await fetched(import("../../util/stream-hash.ts"));
    return new LineWriter(await hashes.createSHA256());
  }

  add(row: Readonly<Record<string, unknown>>): void {
    this.#lines.push(`${JSON.stringify(row, plainNumbers)}\n`);
    this.#rows++;
  }

  /** Gives the lines so far to the browser, which keeps a Blob outside the memory of the worker. */
  flush(): void {
    const bytes = new TextEncoder().encode(this.#lines.join(""));
    this.#hash.update(bytes);
    this.#parts.push(new Blob([bytes]));
    this.#lines = [];
  }

  close(): WrittenRows {
    return { blob: new Blob(this.#parts), sha256: this.#hash.digest("hex"), rows: this.#rows };
  }
}

/** For JSON.stringify: Parquet has whole numbers of 64 bits, which JSON writes as digits. */
export function plainNumbers(_: string, value: unknown): unknown {
  if (typeof value !== "bigint") {
    return value;
  }
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}
