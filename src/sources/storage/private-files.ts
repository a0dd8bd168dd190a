// The part of the Origin Private File System that Anneal uses, and the errors of its failures. Sync
// access handles exist in dedicated workers only, where the session runs; every browser with WebGPU
// has them.
import { bestEffort } from "../../util/best-effort.ts";
import { UserError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";

export interface StorageFolder {
  getFileHandle(name: string, options?: { create?: boolean }): Promise<StorageFile>;
  getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<StorageFolder>;
  removeEntry(name: string, options?: { recursive?: boolean }): Promise<void>;
  keys(): AsyncIterable<string>;
}

export interface StorageFile {
  /** What the file holds now; reading it fails once the file has changed. */
  getFile(): Promise<Blob>;
  /** Shuts every other handle out until it is closed. */
  createSyncAccessHandle(): Promise<OpenFile>;
}

/** A file that is open for reading and writing. */
export interface OpenFile {
  read(target: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(sizeBytes: number): void;
  getSize(): number;
  /** Returns once the bytes are on the disk. */
  flush(): void;
  close(): void;
}

/**
 * The page's own storage; null where there is none (private windows of some browsers) or outside a
 * worker.
 */
export async function openStorage(): Promise<StorageFolder | null> {
  const { FileSystemFileHandle: files } = globalThis as {
    FileSystemFileHandle?: { prototype: object };
  };
  if (files === undefined || !("createSyncAccessHandle" in files.prototype)) {
    return null;
  }
  try {
    // The DOM's types leave out what only workers have.
    return (await navigator.storage.getDirectory()) as unknown as StorageFolder;
  } catch {
    return null;
  }
}

/**
 * Opens a file for writing and creates it if it is missing.
 * @throws UserError "busy" when another tab keeps it open
 */
export async function openFile(folder: StorageFolder, name: string): Promise<OpenFile> {
  const file = await folder.getFileHandle(name, { create: true });
  return await onceFree(name, () => file.createSyncAccessHandle());
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
  let written: number;
  try {
    written = file.write(bytes, { at });
  } catch (error) {
    throw await storageFault(error, bytes.length);
  }
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
  try {
    file.truncate(sizeBytes);
  } catch (error) {
    throw await storageFault(error, missingBytes);
  }
  if (file.getSize() !== sizeBytes) {
    throw await fullStorage(missingBytes);
  }
}

/** A full disk as a UserError with the numbers; any other error unchanged. */
async function storageFault(error: unknown, neededBytes: number): Promise<unknown> {
  return error instanceof Error && error.name === "QuotaExceededError"
    ? await fullStorage(neededBytes, error)
    : error;
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

/** The quota is only reported, never planned with: Chrome's is 10 GiB more than the usage. */
async function fullStorage(neededBytes: number, cause?: unknown): Promise<UserError> {
  const { usage } = await estimate();
  const inUse = usage === undefined ? "" : `; ${formatBytes(usage)} are in use`;
  return new UserError(
    "quota",
    `The browser's storage is full: ${formatBytes(neededBytes)} more are needed${inUse}.`,
    {
      remedy:
        "Delete stored models or older checkpoints, or free space on the disk; then try again.",
      cause,
    },
  );
}

async function estimate(): Promise<StorageEstimate> {
  const { navigator } = globalThis as { navigator?: { storage?: StorageManager } };
  const estimating = navigator?.storage?.estimate();
  return (await bestEffort("the error is reported without it", estimating)) ?? {};
}
