// Brings a file of a hub into the page's own storage: under its hash, verified, and going on where
// a killed tab left off.
import { blobSource, type ByteSource } from "../../formats/byte-source.ts";
import { contentHash, type ContentId } from "./content-id.ts";
import type { Progress } from "../files.ts";
import { addRecord, isOnRecord, sha256 } from "./download-journal.ts";
import { tryLock, waitForLock, type Release } from "../storage/file-lock.ts";
import { damagedOnTheWay, type RemoteFile } from "./remote-file.ts";
import {
  openFile,
  removeEntry,
  reserve,
  writeAll,
  type OpenFile,
  type StorageFolder,
} from "../storage/private-files.ts";
import { windowCount, windowsOf, type WindowOptions } from "./file-windows.ts";

export interface DownloadOptions extends Partial<WindowOptions> {
  /** Bytes that are stored and verified so far, and all of them. */
  readonly progress?: Progress;
}

/** A file in storage. As long as it is open no tab deletes it. */
export interface StoredFile extends ByteSource {
  /** Lets it be deleted, here or by another tab. */
  readonly close: Release;
}

/**
 * As many requests as browsers make of one server at a time (HTTP/1.1), and few enough bytes on
 * their way for any machine: 24 MiB is also the most that a killed tab fetches twice.
 */
const usual: WindowOptions = { windowBytes: 4 * 2 ** 20, connections: 6 };

const folderName = "downloads";

/**
 * The file out of storage; what is not there yet is fetched first. A file that fails its hash is
 * deleted and fetched anew once.
 * @throws UserError "damaged-file", "quota", or what the hub's reads throw; the signal's AbortError
 */
export async function download(
  file: RemoteFile,
  root: StorageFolder,
  { progress, ...options }: DownloadOptions,
  signal: AbortSignal,
): Promise<StoredFile> {
  const folder = await root.getDirectoryHandle(folderName, { create: true });
  const name = nameOf(file.contentId);
  const told = progress ?? (() => undefined);
  const close = await waitForLock(useLock(name), "shared", signal);
  try {
    // Another tab may be downloading it: what that has got is taken over.
    const release = await waitForLock(fetchLock(name), "exclusive", signal);
    try {
      await fetchSound(folder, file, { ...usual, ...options }, told, signal);
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
 * Deletes everything that was downloaded, whole or not, but for what a tab has open. @returns bytes
 * given back
 */
export async function deleteDownloads(root: StorageFolder): Promise<number> {
  const folder = await root.getDirectoryHandle(folderName, { create: true });
  let freedBytes = 0;
  for (const name of await namesIn(folder)) {
    freedBytes += name.endsWith(journalSuffix) ? 0 : await deleteUnused(folder, name);
  }
  return freedBytes;
}

/** @returns bytes given back */
async function deleteUnused(folder: StorageFolder, name: string): Promise<number> {
  const release = await tryLock(useLock(name), "exclusive");
  if (release === null) {
    return 0;
  }
  try {
    const { size } = await (await folder.getFileHandle(name, { create: true })).getFile();
    await removeBoth(folder, name);
    return size;
  } finally {
    await release();
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
  throw damagedOnTheWay(file.name);
}

/** Fills the file up. @returns whether all of it has the hash it must have */
async function fetchInto(
  folder: StorageFolder,
  file: RemoteFile,
  options: WindowOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<boolean> {
  const data = await openFile(folder, nameOf(file.contentId));
  try {
    const journal = await openFile(folder, nameOf(file.contentId) + journalSuffix);
    try {
      await reserve(data, file.sizeBytes);
      return await fillUp(data, journal, file, options, progress, signal);
    } finally {
      journal.close();
    }
  } finally {
    data.close();
  }
}

async function fillUp(
  data: OpenFile,
  journal: OpenFile,
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
      await addRecord(journal, index, await sha256(bytes));
      count(bytes);
    }
    data.flush();
    journal.flush();
  }
  return whole.digest("hex") === contentId.hex;
}

/** The windows that are in the file already, up to the first that is not or was damaged. */
async function* storedWindows(
  data: OpenFile,
  journal: OpenFile,
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
    if (read !== bytes.length || !(await isOnRecord(journal, index, bytes))) {
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

/** Held shared by whoever has the file open. */
function useLock(name: string): string {
  return `anneal-download-use-${name}`;
}

/** Held by the tab that fetches it. */
function fetchLock(name: string): string {
  return `anneal-download-fetch-${name}`;
}
