// Stores a model that was looked up in the browser: downloaded where it is remote, converted tensor
// by tensor into the chosen format.
import type { TemplateRenderer } from "../model/chat-template/render.ts";
import { openModel, type OpenedModel } from "../model/open.ts";
import { formatWords } from "../model/weights/choice.ts";
import type { WeightChoice } from "../model/weights/store.ts";
import type { ModelCache } from "../sources/cache/cache.ts";
import type { FileSet } from "../sources/files.ts";
import type { HubModel } from "../sources/hub/hub.ts";
import type { StorageFolder } from "../sources/storage/private-files.ts";
import { fetched } from "../util/later.ts";
import { keepModel } from "./kept-model.ts";
import type { ReportProgress } from "./loaded-model.ts";

/** A model that was looked up: all of it but the weights is in memory. */
export interface LookedUpModel {
  set: FileSet | HubModel;
  model: OpenedModel;
}

/** The browser's storage for this page. */
export interface ModelStorage {
  root: StorageFolder;
  cache: ModelCache;
}

export interface StoreModelOptions {
  render: TemplateRenderer | undefined;
  report: ReportProgress;
  signal: AbortSignal;
}

/**
 * @param key of the cache, for this model in this format
 * @throws what `downloadWeights` and `keepModel` throw. A download that ends early stays, and the
 *   next one resumes it.
 */
export async function storeModel(
  { set, model }: LookedUpModel,
  choice: WeightChoice,
  key: string,
  { root, cache }: ModelStorage,
  { render, report, signal }: StoreModelOptions,
): Promise<void> {
  const { downloadWeights, deleteDownloads } = await fetched(import("./download-weights.ts"));
  const local = isHub(set) ? await downloadWeights(set, model, root, report, signal) : null;
  try {
    const here = local === null ? model : await openModel(local.set, { signal, render });
    await keepModel(
      cache,
      key,
      {
        model: here,
        choice,
        source: local === null ? "files" : "hub",
        revision: set.revision ?? null,
        format: formatWords(choice),
      },
      (done, total) => {
        report("Storing the weights", done, total);
      },
      signal,
    );
  } finally {
    await local?.close();
  }
  // This download, and what is left of others that ended early.
  await deleteDownloads(root);
}

function isHub(set: FileSet | HubModel): set is HubModel {
  return set.source === "hub";
}
