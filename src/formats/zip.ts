// Writes zip archives without compression: weights do not compress, and the texts next to them are
// small.
import { downloadZip, makeZip, predictLength } from "client-zip";
import { invariant } from "../util/assert.ts";

/** A file of an archive; its name contains its folders, separated by "/". */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * The first day of the zip format, in local time as the format requires: the same files produce the
 * same bytes everywhere.
 */
const modified = new Date(1980, 0, 1);

/**
 * An archive of the files, in their order.
 * @throws Error when a name is empty or repeats
 */
export function zipFiles(files: readonly ZipEntry[]): Promise<Blob> {
  const names = new Set(files.map(({ name }) => name));
  invariant(names.size === files.length, "two files of an archive have the same name");
  return downloadZip(
    files.map(({ name, bytes }) => ({ name, input: bytes, lastModified: modified })),
  ).blob();
}

/** A file of a streamed archive. */
export interface ZipPart {
  readonly name: string;
  readonly sizeBytes: number;
  /** Opens its content; called once. */
  readonly open: () => AsyncIterable<Uint8Array | ArrayBuffer>;
}

/**
 * An archive as a stream: one chunk of one file in memory at a time.
 * @returns the stream, which fails with the error of a part, and its exact length
 */
export function zipStream(parts: readonly ZipPart[]): {
  stream: ReadableStream<Uint8Array>;
  sizeBytes: number;
} {
  const sizes = parts.map(({ name, sizeBytes }) => ({ name, size: sizeBytes }));
  invariant(new Set(sizes.map(({ name }) => name)).size === parts.length, "a name repeats");
  return { stream: makeZip(opened(parts)), sizeBytes: Number(predictLength(sizes)) };
}

/** Opens each part when the archive reaches it. */
function* opened(parts: readonly ZipPart[]) {
  for (const { name, sizeBytes, open } of parts) {
    yield { name, size: sizeBytes, input: open(), lastModified: modified };
  }
}
