// The part of the Origin Private File System that Anneal uses. Sync access handles exist in
// dedicated workers only, where the session runs; every browser with WebGPU has them.

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
