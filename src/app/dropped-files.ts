// Dropped files and folders, as a flat list of files with their paths.
import type { PickedFile } from "../session/protocol.ts";

/** All files of a drop, those in folders too. Must be called during the drop event. */
export async function droppedFiles(transfer: DataTransfer): Promise<PickedFile[]> {
  // Synchronously: the list of items is empty after the event.
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry())
    .filter((entry) => entry !== null);
  const files = await Promise.all(entries.map(walk));
  const loose = [...transfer.files].map((file) => ({ file, path: file.name }));
  return entries.length === 0 ? loose : files.flat();
}

export function isDataFile({ path }: PickedFile): boolean {
  return /\.(jsonl|ndjson|csv)$/i.test(path);
}

/** Distinguishes entries by their flags: Chromium has no global classes for them. */
async function walk(entry: FileSystemEntry): Promise<PickedFile[]> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => {
      entry.file(resolve, reject);
    });
    return [{ file, path: entry.fullPath.slice(1) }];
  }
  if (!isDirectory(entry)) {
    return [];
  }
  const files = (await readAll(entry.createReader())).map(walk);
  return (await Promise.all(files)).flat();
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

/** Repeats the read: a reader returns at most 100 entries at a time. */
async function readAll(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => {
    reader.readEntries(resolve, reject);
  });
  return batch.length === 0 ? [] : [...batch, ...(await readAll(reader))];
}
