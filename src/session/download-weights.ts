// Brings a hub's weights into the page's storage, one file after the other, so that they can be read in any order.
import type { ByteSource } from "../formats/byte-source.ts";
import { download, type StoredFile } from "../sources/download.ts";
import type { FileSet } from "../sources/files.ts";
import type { HubModel } from "../sources/hub.ts";
import type { StorageFolder } from "../sources/storage.ts";
import type { Report } from "./shelf.ts";

/** The same model with its weights at hand. */
export interface LocalModel {
  set: FileSet;
  /** Gives the room back, once the weights are stored in their format. */
  discard: () => Promise<void>;
}

/** What was downloaded stays when it ends early, and is gone on from. @throws what `download` throws */
export async function downloadWeights(
  set: HubModel,
  root: StorageFolder,
  report: Report,
  signal: AbortSignal,
): Promise<LocalModel> {
  const stored = new Map<string, StoredFile>();
  try {
    for (const [index, name] of set.weightNames.entries()) {
      const file = set.files.get(name);
      if (file === undefined) {
        continue;
      }
      const which = set.weightNames.length > 1 ? ` ${index + 1} of ${set.weightNames.length}` : "";
      const progress = (done: number, total: number | null) => {
        report(`Downloading file${which}`, done, total);
      };
      stored.set(name, await download(file, root, { progress }, signal));
    }
  } catch (error) {
    stored.forEach((file) => {
      file.close();
    });
    throw error;
  }
  return {
    set: { ...set, files: new Map<string, ByteSource>([...set.files, ...stored]) },
    async discard() {
      for (const file of stored.values()) {
        await file.discard();
      }
    },
  };
}
