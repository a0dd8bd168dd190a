// The part of the Origin Private File System that Anneal uses, and what its failures mean.
// Sync access handles exist in dedicated workers alone, which is where the session runs; every browser with WebGPU has them.
import { UserError } from "../util/errors.ts";
import { formatBytes } from "../util/format.ts";

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

/** The page's own storage; null where there is none (private windows of some browsers) or outside a worker. */
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

/** @returns whether the browser now keeps the storage until the visitor deletes it; null where it cannot be asked */
export async function askToPersist(
  storage: Partial<StorageManager> | undefined = (globalThis as { navigator?: Navigator }).navigator
    ?.storage,
): Promise<boolean | null> {
  if (storage?.persist === undefined) {
    return null;
  }
  return (await storage.persisted?.()) === true || (await storage.persist());
}

/**
 * Writes all of it.
 * @throws UserError "quota" when the storage is full
 */
export async function writeAll(file: OpenFile, bytes: Uint8Array, at: number): Promise<void> {
  let written: number;
  try {
    written = file.write(bytes, { at });
  } catch (error) {
    throw await storageFault(error, bytes.length);
  }
  if (written !== bytes.length) {
    throw await fullStorage(bytes.length - written);
  }
}

/** A full disk as a UserError with the numbers; anything else as it is. @param neededBytes what could not be stored */
export async function storageFault(error: unknown, neededBytes: number): Promise<unknown> {
  return error instanceof Error && error.name === "QuotaExceededError"
    ? await fullStorage(neededBytes, error)
    : error;
}

export function isMissing(error: unknown): boolean {
  return error instanceof Error && error.name === "NotFoundError";
}

/** Chrome says 10 GiB and what is in use whatever the disk has, so the quota is told and never planned with. */
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
  return (await navigator?.storage?.estimate().catch(() => undefined)) ?? {};
}
