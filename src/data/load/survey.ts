// Looks through rows: the first of them for their shape, then all of them to count what is usable.
import type { ParsedRow } from "../../formats/rows.ts";
import type { Reading } from "../shapes/reading.ts";
import { columnSamples, recognise, reviewReading } from "../shapes/recognise.ts";
import { BadRows } from "./bad-rows.ts";
import { exampleOf, type FileFacts, type RowsReading, type Survey } from "./data-set.ts";
import { Edits } from "./edits.ts";
import { placedRows, type OpenFile } from "./placed-rows.ts";

/** Bytes read so far, of all. */
export type ReadProgress = (doneBytes: number, totalBytes: number) => void;

/** The shape of the data shows in its first rows. */
const sampledRows = 200;

/** The first rows of the files, of each the same number. */
export async function sampleOf(
  files: readonly OpenFile[],
  signal?: AbortSignal,
): Promise<ParsedRow[]> {
  const share = Math.ceil(sampledRows / files.length);
  const sample: ParsedRow[] = [];
  for (const file of files) {
    let left = share;
    for await (const { rows } of placedRows([file], new Edits([]), signal)) {
      const own = rows.filter((row) => "row" in row).slice(0, left);
      sample.push(...own);
      left -= own.length;
      if (left === 0) {
        break;
      }
    }
  }
  return sample;
}

/** The reading that was chosen or recognised; none where the rows have no known shape. */
export function readingOf(sample: readonly ParsedRow[], chosen: Reading | undefined): RowsReading {
  const recognised = recognise(sample);
  if (chosen !== undefined) {
    const others = recognised === null ? [] : [recognised.reading, ...recognised.alternatives];
    const alternatives = others.filter((other) => !isSame(other, chosen));
    return { ...reviewReading(chosen, sample), alternatives };
  }
  return (
    recognised ?? {
      reading: null,
      sentence: "",
      columns: columnSamples(sample),
      unused: [],
      notices: [],
      alternatives: [],
    }
  );
}

/**
 * Reads all rows once and counts them, in `files` too.
 * @param files training files first
 */
export async function surveyRows(
  files: readonly (OpenFile & FileFacts)[],
  edits: Edits,
  reading: Reading | null,
  progress: ReadProgress,
  signal?: AbortSignal,
): Promise<Survey> {
  const totalBytes = files.reduce((sum, { blob }) => sum + blob.size, 0);
  const badRows = new BadRows();
  let rows = 0;
  let isChat: boolean | null = null;
  let heldOutFrom: number | null = null;
  for await (const read of placedRows(files, edits, signal)) {
    const file = files[read.file] as FileFacts;
    file.notes.push(...read.notes);
    for (const row of read.rows) {
      if (file.role === "heldOut") {
        heldOutFrom ??= rows - badRows.count;
      }
      rows++;
      file.rows++;
      const example = reading === null ? row : exampleOf(row, reading);
      if ("what" in example) {
        badRows.add(example);
        file.bad++;
      } else if ("kind" in example) {
        isChat ??= example.kind === "chat";
      }
    }
    progress(read.doneBytes, totalBytes);
  }
  return { rows, badRows, heldOutFrom, isChat: isChat ?? false };
}

function isSame(a: Reading, b: Reading): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
