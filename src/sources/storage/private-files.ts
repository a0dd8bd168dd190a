// Files of the page's own storage, and the errors of their failures.
import { UserError } from "../../util/errors.ts";
import { fullStorage } from "./full-storage.ts";
import type { OpenFile, StorageFolder } from "./storage-folder.ts";

export {
  openStorage,
  type OpenFile,
  type StorageFile,
  type StorageFolder,
} from "./storage-folder.ts";

/**
 * Opens a file for writing and creates it if it is missing.
 * @throws UserError "busy" when another tab keeps it open; "quota" when the storage is full
 */
export async function openFile(folder: StorageFolder, name: string): Promise<OpenFile> {
  return await orFull(0, async () => {
    const file = await folder.getFileHandle(name, { create: true });
    return await onceFree(name, () => file.createSyncAccessHandle());
  });
}

/** A folder in a folder, made if it is missing. @throws UserError "quota" */
export async function makeFolder(parent: StorageFolder, name: string): Promise<StorageFolder> {
  return await orFull(0, () => parent.getDirectoryHandle(name, { create: true }));
}

/** Resolves once the written bytes are on the disk. @throws UserError "quota" */
export async function flushed(file: OpenFile): Promise<void> {
  await orFull(0, () => {
    file.flush();
  });
}

/**
 * Deletes a file, or a folder with its contents; without effect when it is missing.
 * @throws UserError "busy" as `openFile` does
 */
export async function removeEntry(folder: StorageFolder, name: string): Promise<void> {
  try {
    await onceFree(name, () => folder.removeEntry(name, { recursive: true }));
  } catch (error) {
    if (!isMissing(error)) {
      throw error;
    }
  }
}

/**
 * Writes all bytes from the offset `at` on.
 * @throws UserError "quota" when the storage is full
 */
export async function writeAll(file: OpenFile, bytes: Uint8Array, at: number): Promise<void> {
  const written = await orFull(bytes.length, () => file.write(bytes, { at }));
  // In private windows Chromium throws nothing and returns the count of an error.
  if (written !== bytes.length) {
    throw await fullStorage(bytes.length);
  }
}

/**
 * Sets the file's length before its content is fetched, so that a full disk is reported first. A
 * file of that length is not touched: a change would invalidate what another tab reads from it.
 * @throws UserError "quota"
 */
export async function reserve(file: OpenFile, sizeBytes: number): Promise<void> {
  const missingBytes = sizeBytes - file.getSize();
  if (missingBytes === 0) {
    return;
  }
  await orFull(missingBytes, () => {
    file.truncate(sizeBytes);
  });
  if (file.getSize() !== sizeBytes) {
    throw await fullStorage(missingBytes);
  }
}

/**
 * Work on files; a full disk is a UserError with the numbers, any other error unchanged.
 * @param neededBytes 0 where nothing but a file or folder is to be made
 */
async function orFull<T>(neededBytes: number, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw isFull(error) ? await fullStorage(neededBytes, error) : error;
  }
}

/** What browsers throw when the disk or the page's share of it is full. */
export function isFull(error: unknown): boolean {
  return error instanceof Error && error.name === "QuotaExceededError";
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && error.name === "NotFoundError";
}

/** A tab's Web Locks end with it, but the browser may close its open files a moment later. */
async function onceFree<T>(name: string, task: () => Promise<T>): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += stepMs) {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof Error && error.name === "NoModificationAllowedError")) {
        throw error;
      }
      if (waitedMs >= longestWaitMs) {
        throw new UserError("busy", "Another tab keeps this stored file open.", {
          where: name,
          remedy: "Close the other tabs of this site and try again.",
          cause: error,
        });
      }
    }
    await new Promise((resolve) => setTimeout(resolve, stepMs));
  }
}

const stepMs = 50;
const longestWaitMs = 5000;
