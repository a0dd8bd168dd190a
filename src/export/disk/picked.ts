// A file or a folder that the person picked, on any disk. Browsers write beside a picked file and
// put it in place when it is closed, so what was there before stays until then.
import { isFull, isMissing } from "../../sources/storage/private-files.ts";
import { bestEffort } from "../../util/best-effort.ts";
import { UserError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";
import type { Destination, FileInProgress } from "./destination.ts";

/** One file, whatever the part is called. */
export async function pickedFile(handle: FileSystemFileHandle): Promise<Destination> {
  const { size } = await handle.getFile();
  return {
    create: (_, sizeBytes) => openPicked(handle, sizeBytes),
    discard: async () => {
      // The picker has made an empty file; a file of the person's is not touched.
      await (size === 0 && bestEffort("an empty file is left", removal(handle)));
    },
  };
}

/**
 * A new folder in the picked one.
 * @param name of the new folder; with a number behind it where there is one of that name
 */
export async function pickedFolder(
  parent: FileSystemDirectoryHandle,
  name: string,
): Promise<Destination & { name: string }> {
  const free = await freeName(parent, name);
  const folder = await parent.getDirectoryHandle(free, { create: true });
  return {
    name: free,
    create: async (file, sizeBytes) =>
      await openPicked(await folder.getFileHandle(file, { create: true }), sizeBytes),
    discard: () => parent.removeEntry(free, { recursive: true }),
  };
}

async function openPicked(
  handle: FileSystemFileHandle,
  sizeBytes: number,
): Promise<FileInProgress> {
  const { name } = handle;
  const stream = await orRefused(name, sizeBytes, () => handle.createWritable());
  let doneBytes = 0;
  return {
    write: async (bytes) => {
      const leftBytes = sizeBytes - doneBytes;
      await orRefused(name, leftBytes, () => stream.write(bytes as Uint8Array<ArrayBuffer>));
      doneBytes += bytes.length;
    },
    close: () => orRefused(name, sizeBytes, () => stream.close()),
    abandon: async () => {
      await bestEffort("a stream that failed is closed already", stream.abort());
    },
  };
}

async function orRefused<T>(name: string, neededBytes: number, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isFull(cause)) {
      const message = `The disk is full: ${formatBytes(neededBytes)} more are needed.`;
      const remedy = "Free space on that disk, or choose another one; then try again.";
      throw new UserError("quota", message, { where: name, remedy, cause });
    }
    if (cause instanceof Error && refusals.includes(cause.name)) {
      const remedy = "Choose another place, or close the program that uses the file.";
      throw new UserError("unreadable-file", "The browser may not write this file.", {
        ...{ where: name, remedy, cause },
      });
    }
    throw cause;
  }
}

/** What browsers throw for a file that another program holds, or without the permission. */
const refusals = ["NotAllowedError", "NoModificationAllowedError"];

/** Not in the standard; without it an empty file stays. */
async function removal(handle: FileSystemFileHandle & { remove?: () => Promise<void> }) {
  await handle.remove?.();
}

async function freeName(parent: FileSystemDirectoryHandle, wanted: string): Promise<string> {
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    if (!(await hasEntry(parent, name))) {
      return name;
    }
  }
}

async function hasEntry(parent: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  try {
    await parent.getDirectoryHandle(name);
    return true;
  } catch (error) {
    if (isMissing(error)) {
      return false;
    }
    if (error instanceof Error && error.name === "TypeMismatchError") {
      return true; // a file has that name
    }
    throw error;
  }
}
