// Files and folders dropped on the page, as a flat list of files.

/** All files of a drop, folders walked. Must be called before the drop event ends. */
export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  // Entries are read at once: the list of items is empty after the event.
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry())
    .filter((entry) => entry !== null);
  const files = await Promise.all(entries.map(walk));
  return entries.length === 0 ? [...transfer.files] : files.flat();
}

export function isDataFile({ name }: File): boolean {
  return /\.(jsonl|ndjson|csv)$/i.test(name);
}

async function walk(entry: FileSystemEntry): Promise<File[]> {
  if (entry instanceof FileSystemFileEntry) {
    return [
      await new Promise<File>((resolve, reject) => {
        entry.file(resolve, reject);
      }),
    ];
  }
  if (!(entry instanceof FileSystemDirectoryEntry)) {
    return [];
  }
  const files = (await readAll(entry.createReader())).map(walk);
  return (await Promise.all(files)).flat();
}

/** A reader gives at most 100 entries at a time. */
async function readAll(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => {
    reader.readEntries(resolve, reject);
  });
  return batch.length === 0 ? [] : [...batch, ...(await readAll(reader))];
}
