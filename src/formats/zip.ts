// Zip archives, stored without compression: weights do not compress, and the text beside them is small.
import { downloadZip } from "client-zip";
import { invariant } from "../util/assert.ts";

/** A file of an archive; folders are written into the name with "/". */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The first day a zip can name, in local time as zip means it: the same files give the same bytes anywhere. */
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
