// The models of this session: looked up and priced, loaded by way of the page's storage, listed and
// deleted there.
import type { RenderChats } from "../model/chat-template/render.ts";
import { openModel, type OpenedModel } from "../model/open.ts";
import { choicesFor, formatName, formatWords } from "../model/weights/choice.ts";
import { sourceStore, weightShapes, type WeightChoice } from "../model/weights/store.ts";
import { openCache, type ModelCache } from "../sources/cache/cache.ts";
import { fetchDemoModel } from "../sources/demo.ts";
import { deleteDownloads } from "../sources/hub/download.ts";
import { fileSetOf, type FileSet } from "../sources/files.ts";
import { parseHubName } from "../sources/hub/hub-name.ts";
import type { HubNotice } from "../sources/hub/hub-request.ts";
import { openHub, type HubModel } from "../sources/hub/hub.ts";
import { openStorage, type StorageFolder } from "../sources/storage/private-files.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { hasCode, UserError } from "../util/errors.ts";
import { formatDuration } from "../util/format.ts";
import { downloadWeights } from "./download-weights.ts";
import { keepModel, keyOf, openKept } from "./kept-model.ts";
import { offerOf } from "./offer.ts";
import { MemoryProbe } from "./memory-probe.ts";
import type { DeviceInfo, KeptModel, LoadSource, ModelOffer, ModelSource } from "./facts.ts";
import type { LoadedModel, ReportProgress } from "./loaded-model.ts";

export interface ModelLibraryParts {
  /** Folder URL of the bundled demo. */
  demoBase: URL;
  report: ReportProgress;
  /** Hears of a kept model that was found damaged as it was read, and is deleted. */
  onDamaged: (model: LoadedModel) => void;
  /** Where chat templates run. */
  render?: RenderChats;
}

/** A model that was looked up: everything but its weights is known. */
interface Offered {
  id: number;
  set: FileSet | HubModel;
  model: OpenedModel;
}

export class ModelLibrary {
  readonly #parts: ModelLibraryParts;
  readonly #memory = new MemoryProbe();
  #offered: Offered | null = null;
  #offers = 0;
  #storage: Promise<{ root: StorageFolder; cache: ModelCache } | null> | null = null;
  /** Lets the model in use be deleted. */
  #close = () => Promise.resolve();

  constructor(parts: ModelLibraryParts) {
    this.#parts = parts;
  }

  get memory(): MemoryProbe {
    return this.#memory;
  }

  /**
   * Opens a model's description and prices it in every format. Of the weights no more than a few
   * rows are read.
   */
  async lookUp(
    source: ModelSource,
    recipe: Recipe,
    device: DeviceInfo,
    signal: AbortSignal,
  ): Promise<ModelOffer> {
    const set = await this.#open(source, signal);
    const model = await openModel(set, this.#opening(signal));
    const id = ++this.#offers;
    this.#offered = { id, set, model };
    return await offerOf({ id, set, model, recipe, device }, this.#memory);
  }

  /**
   * @throws UserError "missing-file" for an offer or a kept model that is gone, and what reading it
   * throws
   */
  async load(source: LoadSource, signal: AbortSignal): Promise<LoadedModel> {
    switch (source.kind) {
      case "demo":
        return await this.#loadDemo(signal);
      case "kept":
        return await this.#openKept(source.key);
      case "offer":
        return await this.#take(source.id, source.format, signal);
    }
  }

  /** A kept model of this identity and format, ready; null where there is none. */
  async recall(indexSha256: string, format: string): Promise<LoadedModel | null> {
    const cache = (await this.#stored())?.cache;
    const key = await keyOf({ indexSha256 }, format);
    return (await cache?.find(key)) == null ? null : await this.#openKept(key);
  }

  async kept(): Promise<KeptModel[]> {
    const models = (await (await this.#stored())?.cache.list()) ?? [];
    return models.map(({ key, name, source, revision, format, sizeBytes, lastUsedAt }) => ({
      key,
      name,
      source: source === "hub" ? "hub" : "files",
      revision,
      format,
      sizeBytes,
      lastUsedAt,
    }));
  }

  /** @throws UserError "busy" for the model in use */
  async deleteKept(key: string): Promise<KeptModel[]> {
    const storage = await this.#stored();
    if (storage !== null) {
      await storage.cache.delete(key);
      await deleteDownloads(storage.root); // room is wanted
    }
    return await this.kept();
  }

  async #open(source: ModelSource, signal: AbortSignal): Promise<FileSet | HubModel> {
    if (source.kind === "files") {
      return fileSetOf(source.files);
    }
    const { name, endpoint, token } = source;
    const at = endpoint === null ? {} : { endpoint };
    const onNotice = (notice: HubNotice) => {
      this.#parts.report(noticeWords(notice), 0, null);
    };
    return await openHub(
      parseHubName(name, endpoint ?? undefined),
      { ...at, token, onNotice },
      signal,
    );
  }

  #opening(signal: AbortSignal) {
    const { render } = this.#parts;
    return { signal, ...(render !== undefined && { render }) };
  }

  async #loadDemo(signal: AbortSignal): Promise<LoadedModel> {
    const set = await fetchDemoModel(
      this.#parts.demoBase,
      (done, total) => {
        this.#parts.report("Reading the demo model", done, total);
      },
      signal,
    );
    const model = await openModel(set, this.#opening(signal));
    await this.#close();
    this.#close = () => Promise.resolve();
    return { ...model, source: "demo", revision: null, format: "stored", conversionError: null };
  }

  async #openKept(key: string): Promise<LoadedModel> {
    const cache = (await this.#stored())?.cache;
    if (cache === undefined) {
      throw new UserError("missing-file", "This browser gives the page no storage.", {
        remedy: "Look the model up again.",
      });
    }
    // So that the next look-up brings it anew.
    const onDamaged = async () => {
      await close();
      await cache.delete(key).catch(() => undefined); // another tab may use it still
      this.#parts.onDamaged(model);
    };
    const { model, close } = await openKept(cache, key, onDamaged, this.#parts.render).catch(
      async (error: unknown) => {
        if (hasCode(error, "damaged-file")) {
          await cache.delete(key);
        }
        throw error;
      },
    );
    await this.#close();
    this.#close = close;
    return model;
  }

  async #take(id: number, format: string, signal: AbortSignal): Promise<LoadedModel> {
    const offered = this.#offered;
    const choice =
      offered && choicesFor(offered.model.tensors).find((c) => formatName(c) === format);
    if (offered?.id !== id || choice == null) {
      throw new UserError("missing-file", "This offer is no longer open.", {
        remedy: "Look the model up again.",
      });
    }
    const storage = await this.#stored();
    if (storage === null) {
      return withoutStorage(offered, choice);
    }
    const key = await keyOf(offered.model, format);
    if ((await storage.cache.find(key)) === null) {
      await this.#store(offered, choice, key, storage, signal);
    }
    return await this.#openKept(key);
  }

  /** Downloads what is far away, converts tensor by tensor, and lets the downloads go. */
  async #store(
    { set, model }: Offered,
    choice: WeightChoice,
    key: string,
    { root, cache }: { root: StorageFolder; cache: ModelCache },
    signal: AbortSignal,
  ): Promise<void> {
    const { report } = this.#parts;
    const local = isHub(set) ? await downloadWeights(set, model, root, report, signal) : null;
    try {
      const here = local === null ? model : await openModel(local.set, this.#opening(signal));
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
    // This file, and what other downloads that ended early have left.
    await deleteDownloads(root);
  }

  async #stored() {
    this.#storage ??= openStorage().then(async (root) =>
      root === null ? null : { root, cache: await openCache(root) },
    );
    try {
      return await this.#storage;
    } catch (error) {
      this.#storage = null; // it may open the next time
      throw error;
    }
  }
}

function isHub(set: FileSet | HubModel): set is HubModel {
  return set.source === "hub";
}

/**
 * In windows that keep nothing, files are converted anew whenever they are needed, and hubs cannot
 * be loaded from.
 */
function withoutStorage({ set, model }: Offered, choice: WeightChoice): LoadedModel {
  if (set.source === "hub") {
    throw new UserError(
      "quota",
      "This window keeps no files, so there is no room for a download.",
      {
        where: model.name,
        remedy: "Open the page in a window that is not private, or choose the model's folder.",
      },
    );
  }
  const shapes = weightShapes(model.config, choice, model.tensors);
  return {
    ...model,
    source: "files",
    revision: null,
    format: formatName(choice),
    conversionError: null,
    weights: sourceStore(model.tensors, shapes),
  };
}

function noticeWords(notice: HubNotice): string {
  switch (notice.kind) {
    case "waiting":
      return `${notice.reason} Trying again in ${formatDuration(notice.waitMs)}`;
    case "slow":
      return notice.reason;
  }
}
