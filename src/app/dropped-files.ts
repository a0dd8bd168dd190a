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

/** What a file dialog shows for data. */
export const dataExtensions = [
  ...[".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt", ".md", ".parquet", ".xlsx", ".gz"],
];

/** Descriptions of a model, which have the endings of data. */
const modelFile =
  /(^|\/)(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|merges|adapter_config|preprocessor_config|processor_config|chat_template|[^/]*\.index)\.(json|txt)$/i;
const weightsFile = /\.(safetensors|gguf|bin|pt|pth|model|jinja)$/i;

export interface SortedDrop {
  data: PickedFile[];
  model: PickedFile[];
}

/**
 * What of a drop is data and what a model: by the section that it fell on, elsewhere by the names.
 * A folder of data may hold other files; they are left out with a reason when it is opened.
 */
export function sortDrop(files: readonly PickedFile[], section: string | null): SortedDrop {
  if (section === "data" || section === "model") {
    return { data: [], model: [], [section]: [...files] };
  }
  const isModel = files.some(({ path }) => weightsFile.test(path) || modelFile.test(path));
  const data = files.filter(isDataFile);
  const others = files.filter((file) => !isDataFile(file));
  if (isModel) {
    const isTold = ({ path }: PickedFile) => !/(^|\/)(readme|license)/i.test(path);
    return { data: data.filter(isTold), model: others };
  }
  return data.length > 0 ? { data: [...files], model: [] } : { data: [], model: [...files] };
}

function isDataFile({ path }: PickedFile): boolean {
  const name = path.toLowerCase();
  return dataExtensions.some((extension) => name.endsWith(extension)) && !modelFile.test(path);
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
