// Brings a hub's weights into the page's storage, one file after the other, so that they can be
// read in any order.
import { blobSource, type ByteSource } from "../formats/byte-source.ts";
import type { OpenedModel } from "../model/open.ts";
import { download, type StoredFile } from "../sources/hub/download.ts";
import type { FileSet } from "../sources/files.ts";
import type { HubModel } from "../sources/hub/hub.ts";
import type { StorageFolder } from "../sources/storage/private-files.ts";
import type { ReportProgress } from "./loaded-model.ts";

/** The same model with its files at hand. */
export interface LocalModel {
  set: FileSet;
  /** Lets what was downloaded be deleted. */
  close: () => Promise<void>;
}

/**
 * What was downloaded stays when it ends early, and is gone on from.
 * @param model as it was opened: which files are needed, and the small ones, which are not fetched
 * twice
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
