// Where the files of a large export go, one after the other. What fails or is cancelled leaves
// nothing behind.
import type { ZipPart } from "../../formats/zip.ts";
import { yieldToEvents } from "../../util/yield-to-events.ts";
import type { Watch } from "../values.ts";

/** A file that is being written, from its first byte to its last. */
export interface FileInProgress {
  /** @throws UserError "quota" on a full disk */
  write(bytes: Uint8Array): Promise<void>;
  /** The file is complete. @throws UserError "quota" */
  close(): Promise<void>;
  /** Lets go of the file, which is not complete. */
  abandon(): Promise<void>;
}

export interface Destination {
  /** @throws UserError "quota" where it is known that so many bytes have no place */
  create(name: string, sizeBytes: number): Promise<FileInProgress>;
  /** Removes everything that was created, complete or not; what was there before stays. */
  discard(): Promise<void>;
}

/** Milliseconds between two reports. */
const reportMs = 100;

/**
 * Writes the files, a piece of one in memory at a time, and hears of a cancel between two pieces.
 * @throws what opening a part, its destination or the signal throws, after `discard`
 */
export async function writeFiles(
  destination: Destination,
  parts: readonly ZipPart[],
  { signal, progress }: Watch,
): Promise<void> {
  const totalBytes = parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let doneBytes = 0;
  let reportedAt = -Infinity;
  const written = async (bytes: number) => {
    doneBytes += bytes;
    if (performance.now() - reportedAt >= reportMs) {
      reportedAt = performance.now();
      progress(doneBytes, totalBytes);
    }
    await yieldToEvents();
    signal.throwIfAborted();
  };
  try {
    for (const part of parts) {
      await writeFile(await destination.create(part.name, part.sizeBytes), part, written);
    }
  } catch (error) {
    await destination.discard();
    throw error;
  }
}

async function writeFile(
  file: FileInProgress,
  part: ZipPart,
  written: (bytes: number) => Promise<void>,
): Promise<void> {
  try {
    for await (const piece of part.open()) {
      const bytes = piece instanceof ArrayBuffer ? new Uint8Array(piece) : piece;
      await file.write(bytes);
      await written(bytes.length);
    }
    await file.close();
  } catch (error) {
    await file.abandon();
    throw error;
  }
}
