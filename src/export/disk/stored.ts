// A file in the page's own storage, for browsers that let no page write elsewhere: it is downloaded
// from there, and removed when the page is left.
import { lockOrRefuse, tryLock } from "../../sources/storage/file-lock.ts";
import {
  flushed,
  isMissing,
  makeFolder,
  openFile,
  openStorage,
  removeEntry,
  reserve,
  writeAll,
  type StorageFolder,
} from "../../sources/storage/private-files.ts";
import { UserError } from "../../util/errors.ts";
import type { Destination } from "./destination.ts";

const folderName = "exports";

export interface StoredFiles extends Destination {
  /** A complete file, as the disk has it; unreadable after `discard`. */
  blob(name: string): Promise<Blob>;
}

/**
 * A folder for one export. It is this tab's while the tab is open.
 * @param root but for tests the page's storage
 * @throws UserError "quota" where the window has no storage, or it is full
 */
export async function storedFiles(root?: StorageFolder): Promise<StoredFiles> {
  const storage = root ?? (await openStorage());
  if (storage === null) {
    throw new UserError("quota", "This window stores no files, so none can be downloaded.", {
      remedy: "Open the page in a window that is not private.",
    });
  }
  const id = crypto.randomUUID();
  const release = await lockOrRefuse(lockOf(id), "exclusive", "Another tab writes this export.");
  try {
    const all = await makeFolder(storage, folderName);
    const folder = await makeFolder(all, id);
    return {
      create: (name, sizeBytes) => create(folder, name, sizeBytes),
      discard: async () => {
        await removeEntry(all, id);
        await release();
      },
      blob: async (name) => await (await folder.getFileHandle(name)).getFile(),
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Removes the exports of tabs that are gone. */
export async function removeLeftExports(root?: StorageFolder): Promise<void> {
  const storage = root ?? (await openStorage());
  const all = storage && (await existing(storage));
  if (!all) {
    return;
  }
  const ids: string[] = [];
  for await (const id of all.keys()) {
    ids.push(id);
  }
  for (const id of ids) {
    const release = await tryLock(lockOf(id), "exclusive");
    if (release !== null) {
      await removeEntry(all, id).finally(release);
    }
  }
}

async function create(folder: StorageFolder, name: string, sizeBytes: number) {
  const file = await openFile(folder, name);
  try {
    await reserve(file, sizeBytes);
  } catch (error) {
    file.close();
    throw error;
  }
  let doneBytes = 0;
  return {
    write: async (bytes: Uint8Array) => {
      await writeAll(file, bytes, doneBytes);
      doneBytes += bytes.length;
    },
    close: async () => {
      await flushed(file);
      file.close();
    },
    abandon: () => {
      file.close();
      return Promise.resolve();
    },
  };
}

async function existing(storage: StorageFolder): Promise<StorageFolder | null> {
  try {
    return await storage.getDirectoryHandle(folderName);
  } catch (error) {
    if (isMissing(error)) {
      return null;
    }
    throw error;
  }
}

function lockOf(id: string): string {
  return `anneal-export-${id}`;
}
