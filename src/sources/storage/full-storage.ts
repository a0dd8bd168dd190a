// The error of a full storage, with what the browser counts, and whether that can be right.
import { bestEffort } from "../../util/best-effort.ts";
import { UserError } from "../../util/errors.ts";
import { formatBytes } from "../../util/format.ts";
import { openStorage, type StorageFolder } from "./storage-folder.ts";

/** Chromium tells the parts of what it counts; others do not. */
type Account = StorageEstimate & { usageDetails?: { fileSystem?: number } };

/**
 * Killed in a write, Chromium keeps counting what it had set aside for it: gigabytes after some
 * kills. Less than this is no reason to doubt its account.
 */
const doubtedBytes = 2 ** 30;

/**
 * @param neededBytes 0 where nothing but a file, a folder or an entry was to be made
 * @returns the UserError "quota". The quota itself is only reported, never planned with: Chrome's
 *   is 10 GiB more than the usage.
 */
export async function fullStorage(neededBytes: number, cause?: unknown): Promise<UserError> {
  const { usage, usageDetails } = await account();
  const needed = neededBytes > 0 ? [`${formatBytes(neededBytes)} more are needed`] : [];
  const inUse = usage === undefined ? [] : [`${formatBytes(usage)} are in use`];
  const figures = [...needed, ...inUse].join("; ");
  const full = `The browser's storage is full${figures === "" ? "" : `: ${figures}`}.`;
  const storedBytes = await bestEffort("the error is reported without it", storedInFiles());
  const countedBytes = usageDetails?.fileSystem ?? 0;
  if (storedBytes !== undefined && countedBytes - storedBytes > doubtedBytes) {
    const counted = `It counts ${formatBytes(countedBytes)} of files, but ${formatBytes(storedBytes)} are there.`;
    return new UserError("quota", `${full} ${counted}`, {
      remedy:
        "Close the browser and open it again, so that it counts anew. If that does not help, export all runs, delete the data of this site in the browser's settings, and import them again.",
      cause,
    });
  }
  return new UserError("quota", full, {
    remedy: "Delete stored models or older checkpoints, or free space on the disk; then try again.",
    cause,
  });
}

async function account(): Promise<Account> {
  const { navigator } = globalThis as { navigator?: { storage?: StorageManager } };
  const estimating = navigator?.storage?.estimate();
  return (await bestEffort("the error is reported without it", estimating)) ?? {};
}

/** Bytes of all files of the page. */
async function storedInFiles(): Promise<number> {
  const root = await openStorage();
  return root === null ? 0 : await bytesIn(root);
}

async function bytesIn(folder: StorageFolder): Promise<number> {
  let sizeBytes = 0;
  for await (const name of folder.keys()) {
    sizeBytes += await bytesOf(folder, name);
  }
  return sizeBytes;
}

async function bytesOf(folder: StorageFolder, name: string): Promise<number> {
  try {
    return (await (await folder.getFileHandle(name)).getFile()).size;
  } catch (error) {
    if (error instanceof Error && error.name === "TypeMismatchError") {
      return await bytesIn(await folder.getDirectoryHandle(name));
    }
    throw error;
  }
}
