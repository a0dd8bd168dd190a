// The folder of one stored model, with the files `data`, `manifest` and `last-used`.
import { bestEffort } from "../../util/best-effort.ts";
import {
  maxManifestBytes,
  decodeManifest,
  encodeManifest,
  type CacheManifest,
  type DecodedManifest,
} from "./cache-manifest.ts";
import { isHubName } from "../hub/hub-name.ts";
import {
  flushed,
  isMissing,
  openFile,
  removeEntry,
  writeAll,
  type StorageFolder,
} from "../storage/private-files.ts";

export const dataName = "data";
const manifestName = "manifest";
const lastUsedName = "last-used";
const hubNameName = "hub-name";

/** The Web Lock of a stored model: shared to read it, exclusive to write or delete it. */
export function lockOf(key: string): string {
  return `anneal-model-${key}`;
}

/** The manifest of a folder; `missing` when its writer never finished. */
export async function readManifest(folder: StorageFolder): Promise<DecodedManifest | "missing"> {
  const blob = await blobOf(folder, manifestName);
  if (blob === null) {
    return "missing";
  }
  return blob.size > maxManifestBytes
    ? "damaged"
    : await decodeManifest(new Uint8Array(await blob.arrayBuffer()));
}

/** Makes the folder a stored model. Its data must already be on the disk. */
export async function writeManifest(folder: StorageFolder, manifest: CacheManifest): Promise<void> {
  await writeFile(folder, manifestName, await encodeManifest(manifest));
}

/** The data file; null when there is none. */
export function readData(folder: StorageFolder): Promise<Blob | null> {
  return blobOf(folder, dataName);
}

/** When the model was last opened, milliseconds since 1970; null when unknown. */
export async function readLastUsed(folder: StorageFolder): Promise<number | null> {
  const text = (await (await blobOf(folder, lastUsedName))?.slice(0, 20).text()) ?? "";
  return /^\d{13}$/.test(text) ? Number(text) : null;
}

/** Records when the model was opened, in a separate file, so that the manifest never changes. */
export async function noteUse(folder: StorageFolder, timeMs: number): Promise<void> {
  const text = new TextEncoder().encode(String(timeMs));
  await bestEffort("only the order of the list needs it", writeFile(folder, lastUsedName, text));
}

/** Which model on the Hub a person says that it is; null for none, undefined when not said. */
export async function readHubName(folder: StorageFolder): Promise<string | null | undefined> {
  const text = await (await blobOf(folder, hubNameName))?.slice(0, 200).text();
  return text === undefined || isHubName(text) ? text : null;
}

export async function writeHubName(folder: StorageFolder, name: string | null): Promise<void> {
  await writeFile(folder, hubNameName, new TextEncoder().encode(name ?? ""));
}

/** Deletes a model, its manifest first: after a kill the rest is not a model. */
export async function removeModel(models: StorageFolder, key: string): Promise<void> {
  try {
    await removeEntry(await models.getDirectoryHandle(key), manifestName);
  } catch (error) {
    ignoreMissing(error);
  }
  await removeEntry(models, key);
}

async function writeFile(
  folder: StorageFolder,
  name: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const file = await openFile(folder, name);
  try {
    file.truncate(0);
    await writeAll(file, bytes, 0);
    await flushed(file);
  } finally {
    file.close();
  }
}

async function blobOf(folder: StorageFolder, name: string): Promise<Blob | null> {
  try {
    return await (await folder.getFileHandle(name)).getFile();
  } catch (error) {
    ignoreMissing(error);
    return null;
  }
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) {
    throw error;
  }
}
