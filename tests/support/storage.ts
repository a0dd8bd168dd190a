// The Origin Private File System in memory, as far as Anneal uses it: exclusive handles, a quota,
// and an end at any operation, by a kill (written bytes stay) or a power cut (flushed bytes stay).
import type {
  OpenFile,
  StorageFile,
  StorageFolder,
} from "../../src/sources/storage/private-files.ts";

interface FileNode {
  bytes: Uint8Array<ArrayBuffer>;
  /** The content at the last flush, as a disk keeps it. */
  flushed: Uint8Array<ArrayBuffer>;
  isOpen: boolean;
  /** The browser has emptied its storage since. */
  isGone?: boolean;
}

type Entries = Map<string, FileNode | Folder>;

class Folder {
  readonly entries: Entries = new Map();
  isGone = false;
}

/** What a file held; reading it fails once the file is gone, as in browsers. */
class Snapshot extends Blob {
  readonly #file: FileNode;

  constructor(file: FileNode, parts: BlobPart[] = [file.bytes]) {
    super(parts);
    this.#file = file;
  }

  override slice(begin?: number, end?: number): Blob {
    return new Snapshot(this.#file, [super.slice(begin, end)]);
  }

  override arrayBuffer(): Promise<ArrayBuffer> {
    return this.#file.isGone ? Promise.reject(fault("NotFoundError")) : super.arrayBuffer();
  }
}

export class MemoryStorage {
  quotaBytes = Infinity;
  /** Operations until the kill or power cut; Infinity for none. */
  operationsLeft = Infinity;
  /** All operations so far. */
  operations = 0;
  readonly #root = new Folder();

  get root(): StorageFolder {
    return this.#folder(this.#root);
  }

  /** Ends the tab: closes all handles and keeps the written or only the flushed bytes. */
  reopen(after: "kill" | "power cut" = "kill"): void {
    this.operationsLeft = Infinity;
    for (const file of this.#files(this.#root)) {
      file.isOpen = false;
      if (after === "power cut") {
        // Keeps the length without the bytes, as some file systems do.
        const bytes = new Uint8Array(file.bytes.length);
        bytes.set(file.flushed.subarray(0, bytes.length));
        file.bytes = bytes;
      }
    }
  }

  /** Empties the storage behind the page's back, as a person or the browser does. */
  empty(): void {
    this.#forget(this.#root);
  }

  /** Bytes in all files. */
  get usedBytes(): number {
    return this.#files(this.#root).reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Paths of all files, in order. */
  paths(): string[] {
    return listPaths(this.#root, "").toSorted();
  }

  /** The content, which a test can damage. */
  bytesAt(path: string): Uint8Array {
    return this.#fileAt(path).bytes;
  }

  cutOff(path: string, sizeBytes: number): void {
    const file = this.#fileAt(path);
    file.bytes = file.bytes.slice(0, sizeBytes);
  }

  #fileAt(path: string): FileNode {
    let folder = this.#root;
    const names = path.split("/");
    const last = names.pop()!;
    for (const name of names) {
      folder = folder.entries.get(name) as Folder;
    }
    return folder.entries.get(last) as FileNode;
  }

  #forget(folder: Folder): void {
    for (const entry of folder.entries.values()) {
      entry.isGone = true;
      if (entry instanceof Folder) {
        this.#forget(entry);
      }
    }
    folder.entries.clear();
  }

  #files(folder: Folder): FileNode[] {
    return [...folder.entries.values()].flatMap((entry) =>
      entry instanceof Folder ? this.#files(entry) : [entry],
    );
  }

  /** A full disk has no room for a new file or folder either. */
  #refuseWhenFull(found: FileNode | Folder | undefined): void {
    if (found === undefined && this.usedBytes >= this.quotaBytes) {
      throw fault("QuotaExceededError");
    }
  }

  #operate(): void {
    if (this.operationsLeft <= 0) {
      throw new Error("The tab is gone.");
    }
    this.operationsLeft -= 1;
    this.operations += 1;
  }

  #folder(folder: Folder): StorageFolder {
    const { entries } = folder;
    const operate = () => {
      this.#operate();
      if (folder.isGone) {
        throw fault("NotFoundError");
      }
    };
    return {
      // eslint-disable-next-line @typescript-eslint/require-await
      getFileHandle: async (name, options) => {
        operate();
        const found = entries.get(name);
        if (found instanceof Folder) {
          throw fault("TypeMismatchError");
        }
        if (found === undefined && options?.create !== true) {
          throw fault("NotFoundError");
        }
        this.#refuseWhenFull(found);
        const file = found ?? { bytes: new Uint8Array(), flushed: new Uint8Array(), isOpen: false };
        entries.set(name, file);
        return this.#file(file);
      },
      // eslint-disable-next-line @typescript-eslint/require-await
      getDirectoryHandle: async (name, options) => {
        operate();
        const found = entries.get(name);
        if (found !== undefined && !(found instanceof Folder)) {
          throw fault("TypeMismatchError");
        }
        if (found === undefined && options?.create !== true) {
          throw fault("NotFoundError");
        }
        this.#refuseWhenFull(found);
        const inner = found ?? new Folder();
        entries.set(name, inner);
        return this.#folder(inner);
      },
      // eslint-disable-next-line @typescript-eslint/require-await
      removeEntry: async (name, options) => {
        operate();
        const found = entries.get(name);
        if (found === undefined) {
          throw fault("NotFoundError");
        }
        if (found instanceof Folder && found.entries.size > 0 && options?.recursive !== true) {
          throw fault("InvalidModificationError");
        }
        const files = found instanceof Folder ? this.#files(found) : [found];
        if (files.some(({ isOpen }) => isOpen)) {
          throw fault("NoModificationAllowedError");
        }
        entries.delete(name);
      },
      // eslint-disable-next-line @typescript-eslint/require-await
      async *keys() {
        operate();
        yield* [...entries.keys()];
      },
    };
  }

  #file(file: FileNode): StorageFile {
    return {
      // eslint-disable-next-line @typescript-eslint/require-await
      getFile: async () => {
        this.#operate();
        return new Snapshot(file);
      },
      // eslint-disable-next-line @typescript-eslint/require-await
      createSyncAccessHandle: async () => {
        this.#operate();
        if (file.isOpen) {
          throw fault("NoModificationAllowedError");
        }
        file.isOpen = true;
        return this.#open(file);
      },
    };
  }

  #open(file: FileNode): OpenFile {
    const resize = (sizeBytes: number) => {
      const grownBytes = sizeBytes - file.bytes.length;
      if (grownBytes > 0 && this.usedBytes + grownBytes > this.quotaBytes) {
        throw fault("QuotaExceededError");
      }
      const bytes = new Uint8Array(sizeBytes);
      bytes.set(file.bytes.subarray(0, sizeBytes));
      file.bytes = bytes;
    };
    return {
      read: (target, { at }) => {
        this.#operate();
        const source = file.bytes.subarray(at, at + target.length);
        target.set(source);
        return source.length;
      },
      write: (bytes, { at }) => {
        this.#operate();
        if (at + bytes.length > file.bytes.length) {
          resize(at + bytes.length);
        }
        file.bytes.set(bytes, at);
        return bytes.length;
      },
      truncate: (sizeBytes) => {
        this.#operate();
        resize(sizeBytes);
      },
      getSize: () => file.bytes.length,
      flush: () => {
        this.#operate();
        file.flushed = file.bytes.slice();
      },
      close: () => {
        file.isOpen = false;
      },
    };
  }
}

function listPaths({ entries }: Folder, prefix: string): string[] {
  return [...entries].flatMap(([name, entry]) =>
    entry instanceof Folder ? listPaths(entry, `${prefix}${name}/`) : [`${prefix}${name}`],
  );
}

function fault(name: string): DOMException {
  return new DOMException("The operation failed.", name);
}
