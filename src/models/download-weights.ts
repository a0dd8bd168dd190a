// Downloads a hub's weight files into the browser's storage, one after the other, so that they can
// be read in any order.
import { blobSource, type ByteSource } from "../formats/byte-source.ts";
import type { OpenedModel } from "../model/open.ts";
import { download, type StoredFile } from "../sources/hub/download.ts";
import type { FileSet } from "../sources/files.ts";
import type { HubModel } from "../sources/hub/hub.ts";
import type { StorageFolder } from "../sources/storage/private-files.ts";
import type { ReportProgress } from "./loaded-model.ts";

export { deleteDownloads } from "../sources/hub/download.ts";

/** The files of a model on this device. */
export interface LocalModel {
  set: FileSet;
  /** Closes the downloaded files, so that they can be deleted. */
  close: () => Promise<void>;
}

/**
 * Downloads the weight files; the small files come from memory. A download that ends early stays,
 * and the next one resumes it.
 * @param model as opened from the hub
 * @throws what `download` throws
 */
export async function downloadWeights(
  hub: HubModel,
  { weightFiles, texts }: Pick<OpenedModel, "weightFiles" | "texts">,
  root: StorageFolder,
  report: ReportProgress,
  signal: AbortSignal,
): Promise<LocalModel> {
  const files = new Map<string, ByteSource>(hub.files);
  for (const [name, text] of texts) {
    files.set(name, blobSource(new Blob([text]), name));
  }
  const stored: StoredFile[] = [];
  const close = async () => {
    for (const file of stored) {
      await file.close();
    }
  };
  const remote = weightFiles.flatMap((name) => hub.files.get(name) ?? []);
  try {
    for (const [index, file] of remote.entries()) {
      const which = remote.length > 1 ? ` ${index + 1} of ${remote.length}` : "";
      const progress = (done: number, total: number | null) => {
        report(`Downloading file${which}`, done, total);
      };
      const local = await download(file, root, { progress }, signal);
      stored.push(local);
      files.set(file.name, local);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { set: { ...hub, files }, close };
}
