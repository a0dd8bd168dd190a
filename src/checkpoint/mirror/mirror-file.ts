// The two slots of the mirror as files in the page's own storage, outside of the database.
import {
  flushed,
  isMissing,
  makeFolder,
  openFile,
  openStorage,
  writeAll,
  type StorageFolder,
} from "../../sources/storage/private-files.ts";
import { reach } from "../database/kill-points.ts";
import type { MirrorSlots } from "./mirror.ts";

const folderName = "saved-runs";

/** @param databaseName the database that is mirrored */
export function fileSlots(databaseName: string): MirrorSlots {
  const nameOf = (slot: number) => `${databaseName}-${slot}.json`;
  return {
    async read(slot) {
      const folder = await openFolder(false);
      try {
        const file = await (await folder?.getFileHandle(nameOf(slot)))?.getFile();
        return (await file?.text()) ?? null;
      } catch (error) {
        if (isMissing(error)) {
          return null;
        }
        throw error;
      }
    },
    async write(slot, content) {
      const folder = await openFolder(true);
      if (folder === null) {
        return;
      }
      const file = await openFile(folder, nameOf(slot));
      try {
        file.truncate(0);
        const bytes = new TextEncoder().encode(content);
        const half = bytes.length >> 1;
        await writeAll(file, bytes.subarray(0, half), 0);
        await reach?.("in-mirror");
        await writeAll(file, bytes.subarray(half), half);
        await flushed(file);
      } finally {
        file.close();
      }
    },
  };
}

async function openFolder(create: boolean): Promise<StorageFolder | null> {
  const root = await openStorage();
  try {
    return create && root !== null
      ? await makeFolder(root, folderName)
      : ((await root?.getDirectoryHandle(folderName)) ?? null);
  } catch (error) {
    if (isMissing(error)) {
      return null;
    }
    throw error;
  }
}
