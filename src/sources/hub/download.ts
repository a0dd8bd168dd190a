// Downloads a file of a hub into the page's own storage, verified, and resumes where a killed tab
// stopped.
import { blobSource, type ByteSource } from "../../formats/byte-source.ts";
import { contentHash, type ContentId } from "./content-id.ts";
import type { Progress } from "../files.ts";
import { DownloadJournal } from "./download-journal.ts";
import { tryLock, waitForLock, type Release } from "../storage/file-lock.ts";
import { corruptDownload } from "./hub-faults.ts";
import type { RemoteFile } from "./remote-file.ts";
import {
  flushed,
  isMissing,
  makeFolder,
  openFile,
  removeEntry,
  reserve,
  writeAll,
  type OpenFile,
  type StorageFolder,
} from "../storage/private-files.ts";
import { windowCount, windowsOf, type WindowOptions } from "./file-windows.ts";

export interface DownloadOptions extends Partial<WindowOptions> {
  /** Receives the bytes stored and verified so far, and their total. */
  readonly progress?: Progress;
}

/** A file in storage. No tab can delete it while it is open. */
export interface StoredFile extends ByteSource {
  /** Releases the file, so that this or another tab can delete it. */
  readonly close: Release;
}

/**
 * Six is the number of connections browsers open to one server (HTTP/1.1). 24 MiB in flight fit any
 * machine, and are the most that is fetched twice after a killed tab.
 */
const defaultOptions: WindowOptions = { windowBytes: 4 * 2 ** 20, connections: 6 };

const folderName = "downloads";

/**
 * The file from storage; missing windows are fetched first.
 *
 * Storage has two files for each download: the data, named by its content hash and at full size
 * from the start, and a journal with the SHA-256 of each window. To resume, windows are read back
 * and compared with the journal up to the first that differs; the rest is fetched. The hub's hash
 * of the whole file decides in the end: a file that fails it is deleted and fetched again once.
 * @throws UserError "damaged-file", "quota", or what the hub's reads throw; the signal's AbortError
 */
export async function download(
  file: RemoteFile,
  root: StorageFolder,
  { progress, ...options }: DownloadOptions,
  signal: AbortSignal,
): Promise<StoredFile> {
  const folder = await makeFolder(root, folderName);
  const name = nameOf(file.contentId);
  const report = progress ?? (() => undefined);
  const close = await waitForLock(useLock(name), "shared", signal);
  try {
    // Another tab may be downloading it: this one continues with what that tab has stored.
    const release = await waitForLock(fetchLock(name), "exclusive", signal);
    try {
      await fetchSound(folder, file, { ...defaultOptions, ...options }, report, signal);
    } finally {
      await release();
    }
    const blob = await (await folder.getFileHandle(name)).getFile();
    return { ...blobSource(blob, file.name), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Deletes all downloads, complete or not, except those that a tab has open.
 * @returns bytes freed
 */
export async function deleteDownloads(root: StorageFolder): Promise<number> {
  let freedBytes = 0;
  let folder: StorageFolder;
  try {
    folder = await root.getDirectoryHandle(folderName); // a full disk must not need room for it
  } catch (error) {
    if (isMissing(error)) {
      return freedBytes;
    }
    throw error;
  }
  for (const name of await namesIn(folder)) {
    freedBytes += name.endsWith(journalSuffix) ? 0 : await deleteUnused(folder, name);
  }
  return freedBytes;
}

/** @returns bytes freed; 0 when a tab has the file open */
async function deleteUnused(folder: StorageFolder, name: string): Promise<number> {
  const release = await tryLock(useLock(name), "exclusive");
  if (release === null) {
    return 0;
  }
  try {
    const sizeBytes = await sizeOf(folder, name);
    await removeBoth(folder, name);
    return sizeBytes;
  } finally {
    await release();
  }
}

/** 0 where only the journal is left. */
async function sizeOf(folder: StorageFolder, name: string): Promise<number> {
  try {
    return (await (await folder.getFileHandle(name)).getFile()).size;
  } catch (error) {
    if (isMissing(error)) {
      return 0;
    }
    throw error;
  }
}

async function fetchSound(
  folder: StorageFolder,
  file: RemoteFile,
  options: WindowOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; failures < 2; failures++) {
    if (await fetchInto(folder, file, options, progress, signal)) {
      return;
    }
    await removeBoth(folder, nameOf(file.contentId));
  }
  throw corruptDownload(file.name);
}

/** Downloads what is missing. @returns whether the whole file has its hash */
async function fetchInto(
  folder: StorageFolder,
  file: RemoteFile,
  options: WindowOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<boolean> {
  const data = await openFile(folder, nameOf(file.contentId));
  try {
    const journalFile = await openFile(folder, nameOf(file.contentId) + journalSuffix);
    try {
      await reserve(data, file.sizeBytes);
      const journal = new DownloadJournal(journalFile);
      return await fetchMissing(data, journal, file, options, progress, signal);
    } finally {
      journalFile.close();
    }
  } finally {
    data.close();
  }
}

async function fetchMissing(
  data: OpenFile,
  journal: DownloadJournal,
  file: RemoteFile,
  options: WindowOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<boolean> {
  const { sizeBytes, contentId } = file;
  const whole = await contentHash(contentId, sizeBytes);
  let done = 0;
  const count = (bytes: Uint8Array) => {
    whole.update(bytes);
    done += bytes.length;
    progress(done, sizeBytes);
  };
  let stored = 0;
  for await (const bytes of storedWindows(data, journal, sizeBytes, options, signal)) {
    count(bytes);
    stored += 1;
  }
  if (stored < windowCount(sizeBytes, options.windowBytes)) {
    for await (const { index, bytes } of windowsOf(file, stored, options, signal)) {
      await writeAll(data, bytes, index * options.windowBytes);
      await journal.record(index, bytes);
      count(bytes);
    }
    await flushed(data);
    await journal.flush();
  }
  return whole.digest("hex") === contentId.hex;
}

/** The windows that the file has, up to the first that is missing or damaged. */
async function* storedWindows(
  data: OpenFile,
  journal: DownloadJournal,
  sizeBytes: number,
  { windowBytes }: WindowOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(windowBytes);
  for (let index = 0; index < windowCount(sizeBytes, windowBytes); index++) {
    signal.throwIfAborted();
    const begin = index * windowBytes;
    const bytes = buffer.subarray(0, Math.min(windowBytes, sizeBytes - begin));
    const read = data.read(bytes, { at: begin });
    if (read !== bytes.length || !(await journal.matches(index, bytes))) {
      return;
    }
    yield bytes;
  }
}

async function removeBoth(folder: StorageFolder, name: string): Promise<void> {
  await removeEntry(folder, name);
  await removeEntry(folder, name + journalSuffix);
}

async function namesIn(folder: StorageFolder): Promise<string[]> {
  const names: string[] = [];
  for await (const name of folder.keys()) {
    names.push(name);
  }
  return names;
}

const journalSuffix = ".journal";

function nameOf({ kind, hex }: ContentId): string {
  return `${kind}-${hex}`;
}

/** Held shared while a tab has the file open. */
function useLock(name: string): string {
  return `anneal-download-use-${name}`;
}

/** Held by the tab that downloads it. */
function fetchLock(name: string): string {
  return `anneal-download-fetch-${name}`;
}
