// Brings a file of a hub into the page's own storage: under its hash, verified, and going on where a killed tab left off.
import type { ByteSource } from "../formats/byte-source.ts";
import { blobSource } from "../formats/byte-source.ts";
import { contentHash, type ContentId } from "./content-id.ts";
import type { Progress } from "./files.ts";
import { addRecord, isOnRecord, sha256 } from "./journal.ts";
import { waitForLock } from "./lock.ts";
import { damagedOnTheWay, type RemoteFile } from "./remote-file.ts";
import { isMissing, storageFault, writeAll, type OpenFile, type StorageFolder } from "./storage.ts";
import { windowCount, windowsOf, type WindowOptions } from "./windows.ts";

export interface DownloadOptions extends Partial<WindowOptions> {
  /** Bytes that are stored and verified so far, and all of them. */
  readonly progress?: Progress;
  /** Another tab is downloading the same file; it is taken over from there. */
  readonly onWait?: () => void;
}

/** 32 MiB on their way at once: enough for a fast line, and the most that a killed tab fetches twice. */
const usual: WindowOptions = { windowBytes: 8 * 2 ** 20, connections: 4 };

const folderName = "downloads";

/**
 * The file out of storage; what is not there yet is fetched first. A file that fails its hash is deleted and fetched
 * anew once.
 * @throws UserError "damaged-file", "quota", or what the hub's reads throw; the signal's AbortError
 */
export async function download(
  file: RemoteFile,
  root: StorageFolder,
  { progress, onWait, ...options }: DownloadOptions,
  signal: AbortSignal,
): Promise<ByteSource> {
  const folder = await root.getDirectoryHandle(folderName, { create: true });
  const release = await waitForLock(
    `anneal-download-${file.contentId.hex}`,
    onWait ?? (() => undefined),
    signal,
  );
  try {
    const windows = { ...usual, ...options };
    const told = progress ?? (() => undefined);
    const isSound =
      (await fetchInto(folder, file, windows, told, signal)) ||
      (await fetchInto(folder, file, windows, told, signal));
    if (!isSound) {
      throw damagedOnTheWay(file.name);
    }
    const handle = await folder.getFileHandle(nameOf(file.contentId));
    return blobSource(await handle.getFile(), file.name);
  } finally {
    release();
  }
}

/** Deletes what was downloaded of a file, whole or not. */
export async function deleteDownload(id: ContentId, root: StorageFolder): Promise<void> {
  const folder = await root.getDirectoryHandle(folderName, { create: true });
  await removeIfThere(folder, nameOf(id));
  await removeIfThere(folder, journalNameOf(id));
}

/** Deletes everything that was downloaded, but for files that another tab has open. @returns bytes given back */
export async function deleteDownloads(root: StorageFolder): Promise<number> {
  const folder = await root.getDirectoryHandle(folderName, { create: true });
  let freedBytes = 0;
  for (const name of await namesIn(folder)) {
    const { size } = await (await folder.getFileHandle(name)).getFile();
    const isGone = await folder.removeEntry(name).then(
      () => true,
      () => false,
    );
    freedBytes += isGone ? size : 0;
  }
  return freedBytes;
}

/** Fills the file up. @returns whether all of it has the hash it must have; if not, it is empty again */
async function fetchInto(
  folder: StorageFolder,
  file: RemoteFile,
  options: WindowOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<boolean> {
  const data = await openIn(folder, nameOf(file.contentId));
  try {
    const journal = await openIn(folder, journalNameOf(file.contentId));
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
  if (whole.digest("hex") === contentId.hex) {
    return true;
  }
  journal.truncate(0);
  journal.flush();
  return false;
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

/** Takes all the room at once: a full disk is told before the first byte is fetched, not after the last but one. */
async function reserve(data: OpenFile, sizeBytes: number): Promise<void> {
  const missing = sizeBytes - data.getSize();
  try {
    data.truncate(sizeBytes);
  } catch (error) {
    throw await storageFault(error, missing);
  }
}

async function openIn(folder: StorageFolder, name: string): Promise<OpenFile> {
  const handle = await folder.getFileHandle(name, { create: true });
  return await handle.createSyncAccessHandle();
}

async function removeIfThere(folder: StorageFolder, name: string): Promise<void> {
  try {
    await folder.removeEntry(name);
  } catch (error) {
    if (!isMissing(error)) {
      throw error;
    }
  }
}

async function namesIn(folder: StorageFolder): Promise<string[]> {
  const names: string[] = [];
  for await (const name of folder.keys()) {
    names.push(name);
  }
  return names;
}

function nameOf({ kind, hex }: ContentId): string {
  return `${kind}-${hex}`;
}

function journalNameOf(id: ContentId): string {
  return `${nameOf(id)}.journal`;
}
