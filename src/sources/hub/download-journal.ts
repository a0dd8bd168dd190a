// How far a download has come: one SHA-256 for each window that is in the file, in order, behind
// one another. Nothing in it is believed: a window counts when the bytes in the file have its hash.
// So a torn or lost journal, or a file whose end never reached the disk, costs the windows
// concerned and nothing else, and no order of flushes matters.
import { writeAll, type OpenFile } from "../storage/private-files.ts";

const recordBytes = 32;

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** The record of a window; empty when the journal ends before it. */
export function recordOf(journal: OpenFile, index: number): Uint8Array {
  const record = new Uint8Array(recordBytes);
  return record.subarray(0, journal.read(record, { at: index * recordBytes }));
}

export async function addRecord(journal: OpenFile, index: number, hash: Uint8Array): Promise<void> {
  await writeAll(journal, hash, index * recordBytes);
}

/** Whether these are the bytes that the journal has on record for this window. */
export async function isOnRecord(
  journal: OpenFile,
  index: number,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const record = recordOf(journal, index);
  const hash = await sha256(bytes);
  return record.length === recordBytes && hash.every((byte, i) => byte === record[i]);
}
