// Zip archives, stored without compression: weights do not compress, and the text beside them is
// small.
import { downloadZip, makeZip, predictLength } from "client-zip";
import { invariant } from "../util/assert.ts";

/** A file of an archive; folders are written into the name with "/". */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * The first day a zip can name, in local time as zip means it: the same files give the same bytes
 * anywhere.
 */
const modified = new Date(1980, 0, 1);

/**
 * One archive of the files, in their order.
 * @throws Error when a name is empty or repeats
 */
export function zipFiles(files: readonly ZipEntry[]): Promise<Blob> {
  const names = new Set(files.map(({ name }) => name));
  invariant(names.size === files.length, "two files of an archive have the same name");
  return downloadZip(
    files.map(({ name, bytes }) => ({ name, input: bytes, lastModified: modified })),
  ).blob();
}

/** A file of an archive that is made while it is read. */
export interface ZipPart {
  readonly name: string;
  readonly sizeBytes: number;
  /** Its content, asked for once. */
  readonly open: () => AsyncIterable<Uint8Array | ArrayBuffer>;
}

/**
 * An archive as a stream: one piece of one file in memory at a time.
 * @returns the stream, which fails with what a part throws, and its exact length
 */
export function zipStream(parts: readonly ZipPart[]): {
  stream: ReadableStream<Uint8Array>;
  sizeBytes: number;
} {
  const sizes = parts.map(({ name, sizeBytes }) => ({ name, size: sizeBytes }));
  invariant(new Set(sizes.map(({ name }) => name)).size === parts.length, "a name repeats");
  return { stream: makeZip(opened(parts)), sizeBytes: Number(predictLength(sizes)) };
}

/** Each is opened when its turn comes. */
function* opened(parts: readonly ZipPart[]) {
  for (const { name, sizeBytes, open } of parts) {
    yield { name, size: sizeBytes, input: open(), lastModified: modified };
  }
}
