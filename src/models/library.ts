// The model library: looks models up and prices them, loads them through the browser's storage,
// lists and deletes the stored ones.
import type { TemplateRenderer } from "../model/chat-template/render.ts";
import { openModel } from "../model/open.ts";
import { choicesFor, formatName } from "../model/weights/choice.ts";
import { sourceStore, weightShapes, type WeightChoice } from "../model/weights/store.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { openCache } from "../sources/cache/cache.ts";
import { fetchDemoModel } from "../sources/demo.ts";
import { openStorage } from "../sources/storage/private-files.ts";
import { hasCode, UserError } from "../util/errors.ts";
import { fetched } from "../util/later.ts";
import type { DeviceInfo, KeptModel, LoadSource, ModelOffer, ModelSource } from "./facts.ts";
import { keyOf, openKept } from "./kept-model.ts";
import type { LoadedModel, ReportProgress } from "./loaded-model.ts";
import { MemoryProbe } from "./memory-probe.ts";
import { offerOf } from "./offer.ts";
import { openSource } from "./open-source.ts";
import { storeModel, type LookedUpModel, type ModelStorage } from "./store-model.ts";

export interface ModelLibraryParts {
  /** Folder URL of the bundled demo. */
  demoBase: URL;
  report: ReportProgress;
  /** Hears of a stored model that turned out damaged or gone while it was read; it is deleted. */
  onLost: (model: LoadedModel) => void;
  /** Renders chat templates; in this thread where it is left out. */
  render?: TemplateRenderer | undefined;
}

export class ModelLibrary {
  readonly #parts: ModelLibraryParts;
  readonly #memory = new MemoryProbe();
  /** The newest offer; earlier ones cannot be loaded any more. */
  #offered: (LookedUpModel & { id: number }) | null = null;
  #offers = 0;
  #storage: Promise<ModelStorage | null> | null = null;
  /** The stored model in use; closed, it can be deleted. */
  #inUse: { key: string; close: () => Promise<void> } | null = null;

  constructor(parts: ModelLibraryParts) {
    this.#parts = parts;
  }

  get memory(): MemoryProbe {
    return this.#memory;
  }

  /**
   * Opens a model's description and prices it in every format. Reads a few rows of the weights at
   * most.
   * @throws UserError as `openSource` and `openModel`
   */
  async lookUp(
    source: ModelSource,
    recipe: Recipe,
    device: DeviceInfo,
    signal: AbortSignal,
  ): Promise<ModelOffer> {
    const { report, render } = this.#parts;
    const set = await openSource(source, report, signal);
    const model = await openModel(set, { signal, render });
    const id = ++this.#offers;
    this.#offered = { id, set, model };
    return await offerOf({ id, set, model, recipe, device }, this.#memory);
  }

  /**
   * Loads the demo, a stored model, or an offer, which is stored first.
   * @throws UserError "missing-file" for an offer or a stored model that is gone, and what reading
   *   it throws
   */
  async load(source: LoadSource, signal: AbortSignal): Promise<LoadedModel> {
    switch (source.kind) {
      case "demo":
        return await this.#loadDemo(signal);
      case "kept":
        return await this.#openKept(source.key);
      case "offer":
        return await this.#loadOffer(source.id, source.format, signal);
      default:
        return source satisfies never;
    }
  }

  /** The key of the stored model of this identity and format; null where there is none. */
  async keyOf({
    indexSha256,
    format,
  }: Pick<LoadedModel, "indexSha256" | "format">): Promise<string | null> {
    const cache = (await this.#openStorage())?.cache;
    const key = await keyOf({ indexSha256 }, format);
    return (await cache?.find(key)) == null ? null : key;
  }

  /** Notes which model on the Hub the stored model of this identity and format is. */
  async noteHubName(
    { indexSha256, format }: Pick<LoadedModel, "indexSha256" | "format">,
    name: string | null,
  ): Promise<void> {
    const cache = (await this.#openStorage())?.cache;
    await cache?.noteHubName(await keyOf({ indexSha256 }, format), name);
  }

  /** Opens the stored model of this identity and format; null where there is none. */
  async recall(identity: Pick<LoadedModel, "indexSha256" | "format">): Promise<LoadedModel | null> {
    const key = await this.keyOf(identity);
    return key === null ? null : await this.#openKept(key);
  }

  /** The stored models, newest use first. */
  async kept(): Promise<KeptModel[]> {
    const models = (await (await this.#openStorage())?.cache.list()) ?? [];
    return models.map(
      ({ key, name, source, revision, format, sizeBytes, lastUsedAt, hubName }) => ({
        key,
        name: hubName ?? name,
        source: source === "hub" ? "hub" : "files",
        revision,
        format,
        sizeBytes,
        lastUsedAt,
      }),
    );
  }

  /** @throws UserError "busy" for the model in use */
  async deleteKept(key: string): Promise<KeptModel[]> {
    const storage = await this.#openStorage();
    if (storage !== null) {
      await storage.cache.delete(key);
      const { deleteDownloads } = await fetched(import("./download-weights.ts"));
      await deleteDownloads(storage.root); // the person wants storage to be freed
    }
    return await this.kept();
  }

  async #loadDemo(signal: AbortSignal): Promise<LoadedModel> {
    const { demoBase, report, render } = this.#parts;
    const progress = (done: number, total: number | null) => {
      report("Reading the demo model", done, total);
    };
    const set = await fetchDemoModel(demoBase, progress, signal);
    const model = await openModel(set, { signal, render });
    await this.#use(null);
    const stored = { format: "stored", conversionError: null };
    return { ...model, source: "demo", revision: null, hubName: null, ...stored };
  }

  async #openKept(key: string): Promise<LoadedModel> {
    const cache = (await this.#openStorage())?.cache;
    if (cache === undefined) {
      throw new UserError("missing-file", "This browser gives the page no storage.", {
        remedy: "Look the model up again.",
      });
    }
    // Deleted, so that the next look-up stores it again.
    const onLost = async () => {
      await close();
      await cache.delete(key).catch(() => undefined); // another tab may still use it
      this.#parts.onLost(model);
    };
    const { model, close } = await openKept(cache, key, onLost, this.#parts.render).catch(
      async (error: unknown) => {
        if (hasCode(error, "damaged-file")) {
          await cache.delete(key);
        }
        throw error;
      },
    );
    await this.#use({ key, close });
    return model;
  }

  async #loadOffer(id: number, format: string, signal: AbortSignal): Promise<LoadedModel> {
    const offered = this.#offered;
    const choice =
      offered && choicesFor(offered.model.tensors).find((each) => formatName(each) === format);
    if (offered?.id !== id || choice == null) {
      throw new UserError("missing-file", "This offer is no longer open.", {
        remedy: "Look the model up again.",
      });
    }
    const storage = await this.#openStorage();
    if (storage === null) {
      return withoutStorage(offered, choice);
    }
    const key = await keyOf(offered.model, format);
    if ((await storage.cache.find(key)) === null) {
      // The browser has emptied the storage: our own lock on what was there must not be in the way.
      await (this.#inUse?.key === key && this.#use(null));
      const { render, report } = this.#parts;
      await storeModel(offered, choice, key, storage, { render, report, signal });
    }
    return await this.#openKept(key);
  }

  async #use(model: { key: string; close: () => Promise<void> } | null): Promise<void> {
    await this.#inUse?.close();
    this.#inUse = model;
  }

  /** Opens the storage once, and again where it was emptied; null in windows that have none. */
  async #openStorage(): Promise<ModelStorage | null> {
    const opened = await (this.#storage ?? null);
    if (await opened?.cache.isGone()) {
      this.#storage = null;
    }
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

/**
 * A model in a window without storage: files are converted again for every device.
 * @throws UserError "quota" for a model on a hub, which has to be downloaded first
 */
function withoutStorage({ set, model }: LookedUpModel, choice: WeightChoice): LoadedModel {
  if (set.source === "hub") {
    throw new UserError("quota", "This window stores no files, so a model cannot be downloaded.", {
      where: model.name,
      remedy: "Open the page in a window that is not private, or choose the model's folder.",
    });
  }
  const shapes = weightShapes(model.config, choice, model.tensors);
  return {
    ...model,
    source: "files",
    revision: null,
    hubName: model.hubGuess?.isCertain ? model.hubGuess.name : null,
    format: formatName(choice),
    conversionError: null,
    weights: sourceStore(model.tensors, shapes),
  };
}
